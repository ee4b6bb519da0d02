//! The one tokenizer of Spanlake: text index, `match()` and search box agree by calling it.

/// The words of a text: maximal runs of letters and digits (`char::is_alphanumeric`), lower-cased.
pub fn words(text: &str) -> impl Iterator<Item = String> {
    runs(text).map(lower_case)
}

fn runs(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|run| !run.is_empty())
}

/// Whether every one of `wanted`, words as [`words`] gives them, is among the words of `text`. Allocates for words
/// with letters outside ASCII only: this is what a scan without an index does for each row.
pub fn contains_all_words(text: &str, wanted: &[String]) -> bool {
    wanted.iter().all(|wanted| runs(text).any(|run| is_word(run, wanted)))
}

fn is_word(run: &str, wanted: &str) -> bool {
    if run.is_ascii() { run.eq_ignore_ascii_case(wanted) } else { lower_case(run) == wanted }
}

/// ASCII, nearly all of what is logged, needs no Unicode tables.
fn lower_case(word: &str) -> String {
    if word.is_ascii() { word.to_ascii_lowercase() } else { word.to_lowercase() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn contains_all_words_agrees_with_words(text in "[aBcÄß1 _.K]{0,12}", wanted in "[AbcäSs1 K]{0,4}") {
            let wanted: Vec<_> = words(&wanted).collect();
            let all: Vec<_> = words(&text).collect();
            prop_assert_eq!(contains_all_words(&text, &wanted), wanted.iter().all(|word| all.contains(word)));
        }
    }

    #[test]
    fn words_are_runs_of_letters_and_digits_in_lower_case() {
        let check = |text: &str, expected: &[&str]| assert_eq!(words(text).collect::<Vec<_>>(), expected, "{text}");
        check("Servlet.service() for [x]", &["servlet", "service", "for", "x"]);
        check("HTTP/1.1 500", &["http", "1", "1", "500"]);
        check("Größe_ÄÖ", &["größe", "äö"]);
        check("  --  ", &[]);
    }
}
