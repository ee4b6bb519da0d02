//! The one tokenizer of Spanlake: text index, `match()` and search box agree by calling it.

/// The words of a text: maximal runs of letters and digits (`char::is_alphanumeric`), lower-cased.
pub fn words(text: &str) -> impl Iterator<Item = String> {
    runs(text).map(lower_case)
}

fn runs(text: &str) -> impl Iterator<Item = &str> {
    text.split(is_separator as fn(char) -> bool).filter(|run| !run.is_empty())
}

fn is_separator(c: char) -> bool {
    !c.is_alphanumeric()
}

/// Replaces `word` by the next word of `rest`, of which it takes everything up to and including that word. False when
/// there is none. The same words as [`words`], without a new `String` for each.
pub(crate) fn next_word(rest: &mut &str, word: &mut String) -> bool {
    let bytes = rest.as_bytes();
    let of_class = |from: usize, class: Class| {
        let length = bytes[from..].iter().position(|byte| CLASSES[usize::from(*byte)] != class);
        length.map_or(bytes.len(), |length| from + length)
    };
    let start = of_class(0, Class::Separator);
    let end = of_class(start, Class::Word);
    if bytes.get(end).is_none_or(u8::is_ascii) {
        word.clear();
        word.push_str(&rest[start..end]);
        word.make_ascii_lowercase();
        *rest = &rest[end..];
        return end > start;
    }
    next_word_of_any_script(rest, word)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Separator,
    Word,
    NotAscii,
}

/// Of each byte: nearly all that is logged is ASCII and needs no Unicode tables.
const CLASSES: [Class; 256] = {
    let mut classes = [Class::Separator; 256];
    let mut byte = 0;
    while byte < 256 {
        if byte >= 128 {
            classes[byte] = Class::NotAscii;
        } else if (byte as u8).is_ascii_alphanumeric() {
            classes[byte] = Class::Word;
        }
        byte += 1;
    }
    classes
};

fn next_word_of_any_script(rest: &mut &str, word: &mut String) -> bool {
    let begun = rest.trim_start_matches(is_separator);
    let end = begun.find(is_separator).unwrap_or(begun.len());
    let (run, behind) = begun.split_at(end);
    *rest = behind;
    word.clear();
    if run.is_ascii() {
        word.push_str(run);
        word.make_ascii_lowercase();
    } else {
        word.push_str(&lower_case(run));
    }
    !run.is_empty()
}

/// Whether every one of `wanted`, words as [`words`] gives them, is among the words of `text`. Allocates for words
/// with letters outside ASCII only: this is what a scan without an index does for each row.
pub fn contains_all_words(text: &str, wanted: &[String]) -> bool {
    if text.is_ascii() {
        return wanted.iter().all(|wanted| contains_ascii_word(text.as_bytes(), wanted.as_bytes()));
    }
    wanted.iter().all(|wanted| runs(text).any(|run| is_word(run, wanted)))
}

/// `text` is ASCII, `word` in lower case.
fn contains_ascii_word(text: &[u8], word: &[u8]) -> bool {
    let Some(first) = word.first() else { return false };
    let is_inside = |at: Option<usize>| at.and_then(|at| text.get(at)).is_some_and(u8::is_ascii_alphanumeric);
    memchr::memchr2_iter(*first, first.to_ascii_uppercase(), text).any(|start| {
        let end = start + word.len();
        text.get(start..end).is_some_and(|run| run.eq_ignore_ascii_case(word))
            && !is_inside(start.checked_sub(1))
            && !is_inside(Some(end))
    })
}

fn is_word(run: &str, wanted: &str) -> bool {
    if run.is_ascii() { run.eq_ignore_ascii_case(wanted) } else { lower_case(run) == wanted }
}

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
            let (mut rest, mut word, mut one_by_one) = (text.as_str(), String::new(), Vec::new());
            while next_word(&mut rest, &mut word) {
                one_by_one.push(word.clone());
            }
            prop_assert_eq!(one_by_one, all);
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
