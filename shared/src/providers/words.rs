//! Making prompts of whatever a model or a seller wrote.

use crate::domain::Prompt;

/// `text` as a prompt: control characters become blanks, and what is too long ends at the last word that fits. `None` when
/// nothing is left.
pub(super) fn prompt(text: &str) -> Option<Prompt> {
    let tame: String = text
        .chars()
        .map(|c| if c.is_control() && c != '\n' { ' ' } else { c })
        .collect();
    clip(tame.trim(), Prompt::MAX).parse().ok()
}

/// At most `max` Unicode scalars of `text`, ending with a whole word. Writing without blanks, such as Chinese, is cut after
/// a punctuation mark, or in the middle if there is none in the later half.
pub(super) fn clip(text: &str, max: usize) -> &str {
    let Some((end, next)) = text.char_indices().nth(max) else {
        return text;
    };
    let head = text.get(..end).unwrap_or(text);
    if next.is_whitespace() {
        return head.trim_end();
    }
    let is_break = |c: char| c.is_whitespace() || matches!(c, '，' | '。' | '；' | '、' | '！' | '？');
    match head.char_indices().rev().find(|(_, c)| is_break(*c)) {
        Some((at, c)) if at > end / 2 => {
            let keep = if c.is_whitespace() { at } else { at + c.len_utf8() };
            head.get(..keep).unwrap_or(head).trim_end()
        }
        Some(_) | None => head,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_too_long_ends_with_a_whole_word() {
        assert_eq!(clip("oak and brass lamp", 12), "oak and");
        assert_eq!(clip("oak and brass lamp", 13), "oak and brass");
        assert_eq!(clip("oak and brass lamp", 14), "oak and brass");
        assert_eq!(clip("胡桃木台灯，暖光，木桌", 10), "胡桃木台灯，暖光，");
        assert_eq!(clip("漆漆漆漆漆", 3), "漆漆漆");
        assert_eq!(clip("short", 800), "short");
    }

    #[test]
    fn a_bell_within_a_prompt_is_a_blank() {
        assert_eq!(prompt(" a\u{7}b\n").unwrap().as_str(), "a b");
        assert_eq!(prompt("\u{7} "), None);
    }

    proptest! {
        #[test]
        fn whatever_is_written_makes_a_prompt_that_fits_or_none(text in "\\PC{0,2000}") {
            if let Some(prompt) = prompt(&text) {
                prop_assert!(prompt.as_str().chars().count() <= Prompt::MAX);
            }
        }
    }
}
