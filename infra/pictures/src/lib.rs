//! Draws the pictures: a thing on a table in soft studio light, its shape and colours taken from the prompt.
//!
//! The same prompt and size give the same picture, different prompts look different. The scene is computed small and then
//! enlarged, which softens it like a lens; the package is optimised in the dev profile too, so that a picture takes no time.
#![expect(clippy::float_arithmetic, reason = "these are pixels, not money")]

mod finish;

use std::f32::consts::PI;
use std::io::Cursor;

use image::{ImageFormat, RgbImage};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The file format of a picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// JPEG.
    #[default]
    Jpeg,
    /// PNG.
    Png,
}

impl Format {
    /// The media type a picture is served with.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
        }
    }
}

/// What a picture is drawn from. Equal sketches give equal bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Sketch {
    /// The words that choose shape and colours.
    pub prompt: String,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// The file format.
    pub format: Format,
    /// Whether the small mark "AI" is put into the lower right corner.
    pub watermark: bool,
}

/// The longer side of the scene as computed here, before it is enlarged.
const DRAWN: u32 = 720;

impl Sketch {
    /// Draws the picture and encodes it.
    ///
    /// # Errors
    /// When the size is not one that the format can hold.
    pub fn draw(&self) -> anyhow::Result<Vec<u8>> {
        let (width, height) = (self.width.max(1), self.height.max(1));
        let longer = width.max(height);
        let shrink = |side: u32| (u64::from(side) * u64::from(DRAWN.min(longer)) / u64::from(longer)).max(1);
        let small = Scene::of(&self.prompt).render(shrink(width) as u32, shrink(height) as u32, self.watermark);
        let full = finish::enlarge(&small, width, height);
        let mut bytes = Cursor::new(Vec::new());
        match self.format {
            Format::Jpeg => full.write_to(&mut bytes, ImageFormat::Jpeg)?,
            Format::Png => full.write_to(&mut bytes, ImageFormat::Png)?,
        }
        Ok(bytes.into_inner())
    }
}

type Colour = [f32; 3];

#[derive(Clone, Copy)]
enum Shape {
    Vase,
    Mug,
    Lamp,
    Bottle,
    Bowl,
    Jar,
}

/// Everything that the prompt decides.
struct Scene {
    shape: Shape,
    body: Colour,
    accent: Colour,
    wall: Colour,
    table: Colour,
    /// Height of the thing, as a share of the shorter side.
    tall: f32,
    /// How much wider or slimmer than usual it is.
    stout: f32,
    /// -1 when the light comes from the right.
    side: f32,
    /// A painted band around the belly: its place and half its height.
    band: Option<(f32, f32)>,
}

impl Scene {
    fn of(prompt: &str) -> Self {
        let hash = Sha256::digest(prompt.as_bytes());
        let chance = |n: usize| f32::from(hash[n]) / 255.0;
        let words = prompt.to_lowercase();
        let shape = named(&words, SHAPES).unwrap_or_else(|| SHAPES[usize::from(hash[0]) % SHAPES.len()].1);
        let hue = named(&words, HUES).unwrap_or(chance(1) * 360.0);
        let plain = words.contains("white") || words.contains('白');
        let vivid = if plain { 0.06 } else { 0.32 + 0.3 * chance(2) };
        let backdrop = hue + [150.0, 180.0, 210.0, 30.0, -35.0][usize::from(hash[3]) % 5];
        let light = 0.74 + 0.14 * chance(4);
        Self {
            shape,
            body: hsl(hue, vivid, if plain { 0.86 } else { 0.42 + 0.16 * chance(5) }),
            accent: hsl(hue + 24.0, 0.3, 0.84),
            wall: hsl(backdrop, 0.2 + 0.2 * chance(6), light),
            table: hsl(backdrop + 12.0, 0.14 + 0.16 * chance(7), light - 0.1),
            tall: 0.9 + 0.2 * chance(8),
            stout: 0.88 + 0.26 * chance(9),
            side: if hash[10] % 2 == 0 { 1.0 } else { -1.0 },
            band: (hash[11] % 3 != 0).then(|| (0.5 + 0.25 * chance(12), 0.02 + 0.05 * chance(13))),
        }
    }

    fn render(&self, width: u32, height: u32, watermark: bool) -> RgbImage {
        let scale = 2.0 / width.min(height) as f32;
        let mut image = RgbImage::from_fn(width, height, |px, py| {
            let x = (px as f32 + 0.5 - width as f32 / 2.0) * scale * self.side;
            let y = (py as f32 + 0.5 - height as f32 / 2.0) * scale;
            image::Rgb(
                self.colour_at(x, y, scale)
                    .map(|part| (part.clamp(0.0, 1.0) * 255.0) as u8),
            )
        });
        if watermark {
            finish::mark(&mut image);
        }
        image
    }

    /// The colour at a point; the origin is the middle, the shorter side runs from -1 to 1, `blur` is one pixel.
    fn colour_at(&self, x: f32, y: f32, blur: f32) -> Colour {
        let tall = self.tall * self.shape.height();
        let bottom = 0.58;
        let top = bottom - tall;
        let mut colour = self.backdrop_at(x, y);

        // The shadow on the table falls away from the light, dark where the thing stands and soft further out.
        let foot = self.shape.half_width(1.0) * tall * self.stout;
        let (sx, sy) = ((x - 0.22) / (foot + 0.42), (y - bottom - 0.01) / 0.13);
        colour = mix(
            colour,
            [0.1, 0.09, 0.12],
            0.42 * fade(1.0, 0.0, (sx * sx + sy * sy).sqrt()),
        );
        let (cx, cy) = ((x - 0.03) / (foot + 0.06), (y - bottom) / 0.05);
        colour = mix(
            colour,
            [0.06, 0.05, 0.08],
            0.5 * fade(1.0, 0.3, (cx * cx + cy * cy).sqrt()),
        );

        if matches!(self.shape, Shape::Mug) {
            let (hx, hy) = ((x - 0.4 * tall * self.stout) / 0.9, y - top - 0.48 * tall);
            let ring = ((hx * hx + hy * hy).sqrt() - 0.25 * tall).abs();
            let shine = 0.62 + 0.3 * fade(0.0, 0.25 * tall, hy + 0.25 * tall);
            colour = mix(
                colour,
                dim(self.body, shine),
                fade(0.055 * tall + blur, 0.055 * tall, ring),
            );
        }

        let lip = if self.shape.open() {
            0.17 * self.shape.half_width(0.0) * tall * self.stout
        } else {
            0.0
        };
        let down = (y - top) / tall;
        // The bottom edge is the front of a circle seen from a little above, so it bulges.
        let half = self.shape.half_width(down.clamp(0.0, 1.0)) * tall * self.stout;
        let bulge = if half > 0.0 {
            0.12 * foot * (1.0 - (x / half).powi(2)).max(0.0).sqrt()
        } else {
            0.0
        };
        if half > 0.0 && y > top && y < bottom + bulge {
            let across = (x / half).clamp(-1.0, 1.0);
            let edge = fade(half + blur, half - blur, x.abs()) * fade(bottom + bulge, bottom + bulge - 2.0 * blur, y);
            colour = mix(colour, self.surface_at(across, down), edge);
        }
        if lip > 0.0 {
            let rim = self.shape.half_width(0.0) * tall * self.stout;
            let r = ((x / rim).powi(2) + ((y - top) / lip).powi(2)).sqrt();
            let soft = blur / lip;
            colour = mix(colour, mix(self.body, [1.0; 3], 0.35), fade(1.0 + soft, 1.0 - soft, r));
            let inside = dim(self.body, 0.34 + 0.22 * (x / rim + 1.0) / 2.0);
            colour = mix(colour, inside, fade(0.9 + soft, 0.9 - soft, r));
        }
        colour
    }

    fn backdrop_at(&self, x: f32, y: f32) -> Colour {
        let base = mix(self.wall, self.table, fade(0.1, 0.52, y));
        let glow = (-((x + 0.55).powi(2) + (y + 0.5).powi(2)) * 0.9).exp();
        let corner = (x * x + y * y).sqrt();
        dim(
            mix(base, [1.0, 0.985, 0.95], 0.5 * glow),
            1.03 - 0.14 * fade(0.6, 2.0, corner),
        )
    }

    /// The lit surface of the turned thing: `across` runs from -1 to 1, `down` from 0 to 1.
    fn surface_at(&self, across: f32, down: f32) -> Colour {
        let mut paint = self.body;
        let glowing = matches!(self.shape, Shape::Lamp) && down < LAMP_SHADE;
        match self.shape {
            Shape::Lamp if glowing => paint = mix(self.accent, [1.0, 0.93, 0.76], 0.55),
            Shape::Bottle if down < 0.1 => paint = dim(self.accent, 0.8),
            Shape::Jar if down < 0.24 => paint = self.accent,
            Shape::Vase | Shape::Mug | Shape::Lamp | Shape::Bottle | Shape::Bowl | Shape::Jar => {
                if let Some((place, half)) = self.band {
                    let softness = 0.008;
                    paint = mix(
                        paint,
                        self.accent,
                        0.85 * fade(half + softness, half, (down - place).abs()),
                    );
                }
            }
        }
        let facing = (1.0 - across * across).max(0.0).sqrt();
        let lit = (0.78 * facing - 0.62 * across).clamp(0.0, 1.0);
        let mut light = 0.44 + 0.66 * lit;
        if glowing {
            light = 0.86 + 0.18 * facing;
        }
        let gloss = (-((across + 0.48) / 0.1).powi(2)).exp() * (0.2 + 0.25 * fade(0.9, 0.1, down));
        let bounced = 0.12 * fade(0.75, 1.0, across);
        let grounded = 1.0 - 0.2 * fade(0.8, 1.05, down);
        mix(
            dim(paint, (light + bounced) * grounded),
            [1.0; 3],
            if glowing { 0.0 } else { gloss },
        )
    }
}

const LAMP_SHADE: f32 = 0.44;

impl Shape {
    /// Height as a share of the shorter side of the picture (which is 2).
    fn height(self) -> f32 {
        match self {
            Self::Vase => 1.12,
            Self::Mug => 0.8,
            Self::Lamp => 1.26,
            Self::Bottle => 1.26,
            Self::Bowl => 0.52,
            Self::Jar => 0.96,
        }
    }

    /// Whether one looks into it from above.
    fn open(self) -> bool {
        matches!(self, Self::Vase | Self::Mug | Self::Bowl)
    }

    /// Half its width at a place between top (0) and bottom (1), as a share of its height.
    fn half_width(self, down: f32) -> f32 {
        match self {
            Self::Vase => 0.13 + 0.2 * (PI * (down - 0.06).clamp(0.0, 1.0).powf(0.85)).sin().max(0.0) - 0.02 * down,
            Self::Mug => 0.4 - 0.05 * fade(0.86, 1.0, down),
            Self::Lamp if down < LAMP_SHADE => 0.2 + 0.16 * down / LAMP_SHADE,
            Self::Lamp if down < 0.92 => 0.022 + 0.05 * fade(0.62, 0.72, down) * fade(0.86, 0.74, down),
            Self::Lamp => 0.19,
            Self::Bottle => 0.075 + 0.125 * fade(0.3, 0.5, down) - 0.015 * fade(0.94, 1.0, down),
            Self::Bowl => 0.95 * (1.0 - down * down * 0.92).max(0.0).sqrt().max(0.36),
            Self::Jar if down < 0.1 => 0.07 * (PI * (down / 0.1).clamp(0.08, 0.95)).sin().max(0.4),
            Self::Jar if down < 0.24 => 0.27 * ((down - 0.1) / 0.14).clamp(0.1, 1.0).powf(0.45),
            Self::Jar => 0.24 + 0.13 * (PI * (down - 0.24) / 0.9).sin().max(0.0).powf(0.7),
        }
    }
}

const SHAPES: &[(&[&str], Shape)] = &[
    (&["vase", "flower", "花瓶"], Shape::Vase),
    (&["mug", "cup", "杯"], Shape::Mug),
    (&["lamp", "light fixture", "lantern", "灯"], Shape::Lamp),
    (&["bottle", "perfume", "flask", "瓶"], Shape::Bottle),
    (&["bowl", "dish", "plate", "碗", "盘"], Shape::Bowl),
    (&["jar", "pot", "candle", "罐", "壶"], Shape::Jar),
];

const HUES: &[(&[&str], f32)] = &[
    (&["red", "红"], 4.0),
    (&["orange", "terracotta", "橙"], 22.0),
    (&["yellow", "gold", "黄", "金"], 44.0),
    (&["green", "olive", "绿"], 138.0),
    (&["teal", "turquoise", "青"], 178.0),
    (&["blue", "navy", "蓝"], 214.0),
    (&["purple", "violet", "紫"], 276.0),
    (&["pink", "rose", "粉"], 338.0),
];

/// The first of the things in the list whose name begins a word of the text (or, in Chinese, occurs in it).
fn named<T: Copy>(text: &str, list: &[(&[&str], T)]) -> Option<T> {
    let begins_word = |name: &&str| {
        text.match_indices(*name)
            .any(|(at, _)| !name.is_ascii() || !text[..at].ends_with(|c: char| c.is_ascii_alphabetic()))
    };
    list.iter()
        .find(|(names, _)| names.iter().any(begins_word))
        .map(|(_, thing)| *thing)
}

/// 0 at `from`, 1 at `to`, smooth between; works in both directions.
fn fade(from: f32, to: f32, at: f32) -> f32 {
    let t = ((at - from) / (to - from)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

fn mix(a: Colour, b: Colour, share: f32) -> Colour {
    [
        a[0] + (b[0] - a[0]) * share,
        a[1] + (b[1] - a[1]) * share,
        a[2] + (b[2] - a[2]) * share,
    ]
}

fn dim(colour: Colour, light: f32) -> Colour {
    colour.map(|part| part * light)
}

fn hsl(hue: f32, saturation: f32, lightness: f32) -> Colour {
    let reach = saturation * lightness.min(1.0 - lightness);
    [0.0, 8.0, 4.0].map(|n: f32| {
        let k = (n + hue / 30.0).rem_euclid(12.0);
        lightness - reach * (k - 3.0).min(9.0 - k).clamp(-1.0, 1.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_size_can_be_drawn_and_is_kept() {
        for (width, height) in [(1, 1), (16, 1), (333, 77), (720, 1280)] {
            for format in [Format::Jpeg, Format::Png] {
                let sketch = Sketch {
                    prompt: "杯".to_owned(),
                    width,
                    height,
                    format,
                    watermark: true,
                };
                let picture = image::load_from_memory(&sketch.draw().unwrap()).unwrap();
                assert_eq!((picture.width(), picture.height()), (width, height));
            }
        }
    }
}
