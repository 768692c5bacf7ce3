//! Seedream's models and the sizes each of them paints.

/// A family of models with the same rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// 5.0 lite, which the provider also calls plain 5.0.
    Lite,
    /// 5.0 pro.
    Pro,
    /// 5.0 flash: the rules of pro.
    Flash,
    /// 4.5.
    FourFive,
    /// 4.0.
    Four,
    /// 3.0, the only one with `seed` and `guidance_scale`.
    Three,
}

/// Ids in China and at BytePlus.
pub(super) const MODELS: [(&str, Family); 11] = [
    ("doubao-seedream-5-0-260128", Family::Lite),
    ("doubao-seedream-5-0-lite-260128", Family::Lite),
    ("seedream-5-0-260128", Family::Lite),
    ("doubao-seedream-5-0-pro-260628", Family::Pro),
    ("dola-seedream-5-0-pro-260628", Family::Pro),
    ("doubao-seedream-5-0-flash-260915", Family::Flash),
    ("dola-seedream-5-0-flash-260915", Family::Flash),
    ("doubao-seedream-4-5-251128", Family::FourFive),
    ("seedream-4-5-251128", Family::FourFive),
    ("doubao-seedream-4-0-250828", Family::Four),
    ("doubao-seedream-3-0-t2i-250415", Family::Three),
];

impl Family {
    /// The family of a model id; an endpoint's id (`ep-…`) stands for 5.0 lite here.
    pub(super) fn of(model: &str) -> Option<Self> {
        if model.starts_with("ep-") {
            return Some(Self::Lite);
        }
        MODELS.iter().find(|(id, _)| *id == model).map(|(_, family)| *family)
    }

    /// Whether it is one of the 5.0 models, which take `output_format`.
    pub(super) fn is_five(self) -> bool {
        matches!(self, Self::Lite | Self::Pro | Self::Flash)
    }

    /// Whether it is pro or flash: no groups, no stream, input pictures billed.
    pub(super) fn is_pro(self) -> bool {
        matches!(self, Self::Pro | Self::Flash)
    }

    pub(super) fn default_size(self) -> &'static str {
        match self {
            Self::Pro | Self::Flash => "2K",
            Self::Three => "1024x1024",
            Self::Lite | Self::FourFive | Self::Four => "2048x2048",
        }
    }

    fn pixel_range(self) -> (u64, u64) {
        match self {
            Self::Lite | Self::FourFive => (3_686_400, 16_777_216),
            Self::Four => (921_600, 16_777_216),
            Self::Pro | Self::Flash => (921_600, 4_624_220),
            Self::Three => (262_144, 4_194_304),
        }
    }

    fn tiers(self) -> &'static [(&'static str, u32)] {
        match self {
            Self::Lite => &[("2K", 2048), ("3K", 3072), ("4K", 4096)],
            Self::Pro | Self::Flash => &[("1K", 1024), ("1.5K", 1536), ("2K", 2048)],
            Self::FourFive => &[("2K", 2048), ("4K", 4096)],
            Self::Four => &[("1K", 1024), ("2K", 2048), ("4K", 4096)],
            Self::Three => &[],
        }
    }

    /// The pixels for a `size`: a tier, with the aspect ratio taken from words in the prompt, or `WxH`.
    pub(super) fn pixels(self, size: &str, prompt: &str) -> Result<(u32, u32), String> {
        if let Some((_, side)) = self.tiers().iter().find(|(tier, _)| tier.eq_ignore_ascii_case(size)) {
            return Ok(tier_pixels(*side, ratio_in(prompt), self.pixel_range().1));
        }
        let sides = size
            .split_once(['x', 'X'])
            .and_then(|(w, h)| Some((w.parse::<u32>().ok()?, h.parse::<u32>().ok()?)));
        let Some((width, height)) = sides.filter(|(w, h)| *w > 0 && *h > 0) else {
            return Err(format!("unsupported size `{size}`"));
        };
        let (least, most) = self.pixel_range();
        let pixels = u64::from(width) * u64::from(height);
        if pixels < least {
            return Err(format!("image size must be at least {least} pixels"));
        }
        if pixels > most {
            return Err(format!("image size must be at most {most} pixels"));
        }
        if u64::from(width) > 16 * u64::from(height) || u64::from(height) > 16 * u64::from(width) {
            return Err("image aspect ratio must be between 1/16 and 16".to_owned());
        }
        Ok((width, height))
    }
}

/// The ratios with their recommended pixels at 2K, 3K and 4K.
type Row = ((u32, u32), [(u32, u32); 3]);
const RECOMMENDED: [Row; 8] = [
    ((16, 9), [(2848, 1600), (4096, 2304), (5504, 3040)]),
    ((9, 16), [(1600, 2848), (2304, 4096), (3040, 5504)]),
    ((21, 9), [(3136, 1344), (4704, 2016), (6240, 2656)]),
    ((4, 3), [(2304, 1728), (3456, 2592), (4704, 3520)]),
    ((3, 4), [(1728, 2304), (2592, 3456), (3520, 4704)]),
    ((3, 2), [(2496, 1664), (3744, 2496), (4992, 3328)]),
    ((2, 3), [(1664, 2496), (2496, 3744), (3328, 4992)]),
    ((1, 1), [(2048, 2048), (3072, 3072), (4096, 4096)]),
];

/// The first aspect ratio that the prompt names, square otherwise.
fn ratio_in(prompt: &str) -> (u32, u32) {
    let prompt = prompt.replace('：', ":");
    let named = RECOMMENDED.iter().map(|(ratio, _)| *ratio).filter_map(|(w, h)| {
        let at = prompt.find(&format!("{w}:{h}"))?;
        Some((at, (w, h)))
    });
    named.min_by_key(|(at, _)| *at).map_or((1, 1), |(_, ratio)| ratio)
}

fn tier_pixels(side: u32, ratio: (u32, u32), most: u64) -> (u32, u32) {
    let column = match side {
        2048 => Some(0),
        3072 => Some(1),
        4096 => Some(2),
        _ => None,
    };
    let listed = column.and_then(|column| {
        RECOMMENDED
            .iter()
            .find(|(named, _)| *named == ratio)
            .map(|(_, sizes)| sizes[column])
    });
    let fits = |(w, h): &(u32, u32)| u64::from(*w) * u64::from(*h) <= most;
    listed.filter(fits).unwrap_or_else(|| {
        // The same area in another shape, in steps of sixteen.
        let area = u64::from(side) * u64::from(side);
        let width = (area * u64::from(ratio.0) / u64::from(ratio.1)).isqrt() / 16 * 16;
        let height = width * u64::from(ratio.1) / u64::from(ratio.0) / 16 * 16;
        (width as u32, height as u32)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pixel_range_depends_on_the_model() {
        assert_eq!(Family::Lite.pixels("2048x2048", ""), Ok((2048, 2048)));
        assert!(Family::Lite.pixels("1024x1024", "").is_err());
        assert_eq!(Family::Pro.pixels("1024x1024", ""), Ok((1024, 1024)));
        assert!(Family::Pro.pixels("4096x4096", "").is_err());
        assert!(Family::Lite.pixels("16384x256", "").is_err());
        assert!(Family::Lite.pixels("1K", "").is_err());
        assert!(Family::Lite.pixels("1x1", "").is_err());
    }

    #[test]
    fn a_tier_takes_its_shape_from_the_prompt() {
        assert_eq!(Family::Lite.pixels("2K", "a mug, 16:9"), Ok((2848, 1600)));
        assert_eq!(Family::Lite.pixels("4K", "杯子，竖版 9：16"), Ok((3040, 5504)));
        assert_eq!(Family::Pro.pixels("1.5K", "a mug"), Ok((1536, 1536)));
        let (w, h) = Family::Pro.pixels("2K", "a mug 21:9").unwrap();
        assert!(u64::from(w) * u64::from(h) <= 4_624_220);
    }
}
