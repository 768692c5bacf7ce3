//! The stand-in for a writer of prompts that is not there: four ways to photograph anything, around the seller's own
//! words. Pure, so that the same description always gives the same prompts, and said so by [`WrittenBy::Template`].

use super::words;
use super::{Written, WrittenBy};
use crate::domain::{Description, Prompt, PromptCount};

/// The four ways, with what stands before the description.
const ENGLISH: [&str; 4] = [
    "Professional product photograph on a seamless white background, soft studio light, gentle shadow, sharp detail: ",
    "Lifestyle photograph of the product in use in a bright, tidy home, natural window light, shallow depth of field: ",
    "Close-up of material and workmanship, macro lens, raking light, neutral backdrop: ",
    "Flat lay seen from straight above, arranged with two or three matching props on a pastel surface, even light: ",
];

const CHINESE: [&str; 4] = [
    "专业产品摄影，纯白无缝背景，柔和影棚光，淡淡的投影，细节清晰：",
    "生活场景摄影，产品正在明亮整洁的家中使用，自然窗光，浅景深：",
    "材质与工艺特写，微距镜头，侧光，中性背景：",
    "正上方俯拍平铺构图，柔和色彩的台面上搭配两三件相称的道具，光线均匀：",
];

/// `count` prompts made of `description` and our own sentences, in Chinese where it is written in Chinese, else in English.
#[must_use]
pub fn write(description: &Description, count: PromptCount) -> Written {
    let ways = if is_chinese(description.as_str()) {
        &CHINESE
    } else {
        &ENGLISH
    };
    let prompts = ways
        .iter()
        .filter_map(|way| fill(way, description.as_str()))
        .take(usize::from(count.get()))
        .collect();
    Written {
        prompts,
        source: WrittenBy::Template,
    }
}

fn fill(way: &str, description: &str) -> Option<Prompt> {
    let room = Prompt::MAX - way.chars().count();
    words::prompt(&format!("{way}{}", words::clip(description, room)))
}

/// Whether most letters are Han characters.
fn is_chinese(text: &str) -> bool {
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    let han = text
        .chars()
        .filter(|c| matches!(c, '\u{4e00}'..='\u{9fff}' | '\u{3400}'..='\u{4dbf}'))
        .count();
    han * 2 > letters
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(description: &str, count: u8) -> Vec<String> {
        let written = write(&description.parse().unwrap(), count.try_into().unwrap());
        assert_eq!(written.source, WrittenBy::Template);
        written.prompts.into_iter().map(String::from).collect()
    }

    #[test]
    fn the_sellers_words_are_in_every_prompt_and_the_language_is_theirs() {
        let prompts = written("walnut desk lamp", 4);
        assert!(
            prompts.iter().all(|prompt| prompt.ends_with(": walnut desk lamp")),
            "{prompts:?}"
        );
        let prompts = written("胡桃木台灯 LED", 2);
        assert!(
            prompts.iter().all(|prompt| prompt.ends_with("：胡桃木台灯 LED")),
            "{prompts:?}"
        );
    }

    proptest! {
        #[test]
        fn any_description_gives_as_many_different_prompts_as_asked_for(
            text in "[a-z漆 \n]{1,2000}", count in 1_u8..=4,
        ) {
            prop_assume!(!text.trim().is_empty());
            let prompts: std::collections::BTreeSet<_> = written(&text, count).into_iter().collect();
            prop_assert_eq!(prompts.len(), usize::from(count));
        }
    }
}
