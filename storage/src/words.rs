//! The one tokenizer of Spanlake: text index, `match()` and search box agree by calling it.

/// The words of a text: maximal runs of letters and digits (`char::is_alphanumeric`), lower-cased.
pub fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(lower_case)
}

/// ASCII, nearly all of what is logged, needs no Unicode tables.
fn lower_case(word: &str) -> String {
    if word.is_ascii() { word.to_ascii_lowercase() } else { word.to_lowercase() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_runs_of_letters_and_digits_in_lower_case() {
        let check = |text: &str, expected: &[&str]| assert_eq!(words(text).collect::<Vec<_>>(), expected, "{text}");
        check("Servlet.service() for [x]", &["servlet", "service", "for", "x"]);
        check("HTTP/1.1 500", &["http", "1", "1", "500"]);
        check("Größe_ÄÖ", &["größe", "äö"]);
        check("  --  ", &[]);
    }
}
