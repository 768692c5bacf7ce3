//! The prompt writer behind the simulated DeepSeek: sensible product-photo prompts, in the language of the description.

use serde_json::Value;
use sha2::{Digest, Sha256};

/// When the request does not say how many prompts it wants.
const USUAL: usize = 3;
/// More than this nobody asks for.
const MOST: usize = 10;

/// What was asked: the description of the product, and how many prompts.
#[derive(Debug, PartialEq)]
pub(super) struct Wish {
    pub(super) description: String,
    pub(super) count: usize,
}

impl Wish {
    /// Reads the wish out of the system's and the user's words.
    pub(super) fn read(system: &str, user: &str) -> Self {
        let fields: Value = serde_json::from_str(user).unwrap_or_default();
        let told = fields["count"].as_u64().and_then(|count| usize::try_from(count).ok());
        let count = told
            .or_else(|| counted(system))
            .or_else(|| counted(user))
            .unwrap_or(USUAL);
        let described = fields["description"].as_str().unwrap_or_else(|| description_in(user));
        Self {
            description: tidy(described),
            count: count.clamp(1, MOST),
        }
    }

    /// Writes the prompts. The same wish gets the same ones.
    pub(super) fn prompts(&self) -> Vec<String> {
        let start = usize::from(Sha256::digest(self.description.as_bytes())[0]);
        let chinese = is_chinese(&self.description);
        let scenes = if chinese { &CHINESE } else { &ENGLISH };
        let thing = match (self.description.is_empty(), chinese) {
            (true, _) => "the product",
            (false, _) => self.description.as_str(),
        };
        (0..self.count)
            .map(|n| scenes[(start + n) % scenes.len()].replace("{}", thing))
            .collect()
    }
}

/// Looks for a number shortly before the word "prompt" or "提示", "exactly 3 prompts", "three image prompts", "三条提示词", or
/// in digits shortly after it: "number of prompts: 3".
fn counted(text: &str) -> Option<usize> {
    let text = text.to_lowercase();
    let words: Vec<&str> = text
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let in_english = words
        .iter()
        .enumerate()
        .filter(|(_, word)| word.starts_with("prompt"))
        .find_map(|(at, _)| {
            words[at.saturating_sub(4)..at].iter().rev().find_map(|word| {
                word.parse()
                    .ok()
                    .filter(|n| (1..=MOST).contains(n))
                    .or_else(|| NUMBERS.iter().position(|n| n == word).map(|n| n + 1))
            })
        });
    let after = || {
        let prompts = words.iter().enumerate().filter(|(_, word)| word.starts_with("prompt"));
        prompts
            .flat_map(|(at, _)| words[at + 1..].iter().take(3))
            .find_map(|word| word.parse().ok().filter(|n| (1..=MOST).contains(n)))
    };
    in_english.or_else(after).or_else(|| {
        text.match_indices("提示").find_map(|(at, _)| {
            text[..at].chars().rev().take(8).find_map(|c| match c {
                '两' => Some(2),
                '1'..='9' => c.to_digit(10).map(|n| n as usize),
                _ => "一二三四五六七八九十"
                    .chars()
                    .position(|digit| digit == c)
                    .map(|n| n + 1),
            })
        })
    })
}

const NUMBERS: [&str; MOST] = [
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
];

/// The part of the user's message that describes the product, if the message marks it.
fn description_in(user: &str) -> &str {
    if let Some((_, rest)) = user.split_once("<description>") {
        return rest.split("</description>").next().unwrap_or(rest);
    }
    [
        "Product description:",
        "Description:",
        "Product:",
        "商品描述：",
        "描述：",
    ]
    .iter()
    .find_map(|label| user.split_once(label))
    .map_or(user, |(_, rest)| rest)
}

/// One line without a full stop at its end, and not longer than a prompt may be.
fn tidy(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let short: String = line.chars().take(400).collect();
    short
        .trim_end_matches(['.', '。', '!', '！', ',', '，', ';', '；'])
        .to_owned()
}

/// Whether a text is Chinese: more Han characters than Latin words.
pub(super) fn is_chinese(text: &str) -> bool {
    let han = text.chars().filter(|c| ('\u{4e00}'..='\u{9fff}').contains(c)).count();
    han > text
        .split(|c: char| !c.is_ascii_alphabetic())
        .filter(|word| word.len() > 1)
        .count()
}

const ENGLISH: [&str; MOST] = [
    "Studio photograph of {}, centred on a seamless warm-grey backdrop, large softbox from the upper left, gentle shadow, crisp detail",
    "{}, standing on pale limestone beside a window, morning light, long soft shadow, calm neutral palette, shallow depth of field",
    "Three-quarter view of {}, on brushed oak in front of a sage-green wall, diffused daylight, subtle reflections, editorial product photography",
    "{}, alone on a white plinth, high-key lighting from both sides, clean edges, generous empty space around it, catalogue style",
    "Close-up of {}, raking light that shows material and texture, dark slate surface, restrained highlights, macro lens",
    "{}, on folded linen in muted earth tones, late-afternoon sun through a curtain, quiet still-life composition",
    "Front view of {}, at eye level against a two-tone pastel background, even light, soft contact shadow, symmetrical composition",
    "{}, on a marble counter with a hint of green leaves out of focus behind it, fresh daylight, lifestyle product photograph",
    "View from slightly above of {}, on sand-coloured paper with a smooth horizon, one hard key light, graphic shadow, minimal",
    "{}, before a deep blue gradient, rim light along the outline, faint reflection below, premium advertising photograph",
];

const CHINESE: [&str; MOST] = [
    "影棚产品摄影：{}，居中摆放于暖灰色无缝背景前，左上方大型柔光箱照明，阴影柔和，细节清晰",
    "{}，置于窗边浅色石灰岩台面上，清晨自然光，投影修长柔和，色调素净，浅景深",
    "四分之三视角拍摄{}，拉丝橡木桌面，鼠尾草绿墙面，漫射日光，反光细腻，杂志风格产品摄影",
    "{}，独立于白色展台之上，两侧高调布光，边缘干净，四周大面积留白，商品目录风格",
    "近景特写{}，侧光凸显材质与纹理，深色板岩台面，高光克制，微距镜头",
    "{}，摆放在大地色亚麻布上，午后阳光透过纱帘，安静的静物构图",
    "正面平视拍摄{}，双色柔和背景，光线均匀，底部投影轻柔，对称构图",
    "{}，置于大理石台面，背景绿叶虚化，清新日光，生活方式产品摄影",
    "略俯视角拍摄{}，沙色纸质背景，地平线平滑过渡，单一硬光，影子利落，极简风格",
    "{}，深蓝渐变背景前，轮廓光勾勒外形，下方淡淡倒影，高级广告摄影",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_prompts_are_written_as_the_words_ask_for() {
        let count = |system: &str, user: &str| Wish::read(system, user).count;
        assert_eq!(count("Write exactly 4 prompts as json", "A set of 6 cups"), 4);
        assert_eq!(count("Answer with two image prompts in json", "mug"), 2);
        assert_eq!(count("请写三条提示词，以 json 回答", "红色马克杯"), 3);
        assert_eq!(
            count("json, as {\"prompts\": []}. Number of prompts to write: 4", "6 mugs"),
            4
        );
        assert_eq!(count("json", "{\"count\":1,\"description\":\"mug\"}"), 1);
        assert_eq!(count("json like {\"prompts\":[\"...\"]}", "12 mugs"), USUAL);
    }

    #[test]
    fn a_chinese_description_gets_chinese_prompts() {
        let prompts = Wish::read("Write 3 prompts, json", "手工青瓷茶杯。").prompts();
        assert!(
            prompts
                .iter()
                .all(|prompt| is_chinese(prompt) && prompt.contains("手工青瓷茶杯"))
        );
        assert!(!is_chinese(&Wish::read("json", "A red mug.").prompts()[0]));
    }
}
