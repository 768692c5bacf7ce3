//! Pictures as files: what they are, how large they are, and the label that says a machine drew them.
//!
//! Nothing is decoded and no pixel is touched; the label is a piece of metadata beside them.

use bytes::Bytes;
use img_parts::jpeg::{Jpeg, JpegSegment};
use img_parts::png::{Png, PngChunk};

use crate::domain::PixelSize;

/// The term of the IPTC vocabulary for a picture that a trained model drew.
pub const DIGITAL_SOURCE_TYPE: &str = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia";

const JPEG_MAGIC: &[u8] = b"\xff\xd8\xff";
const PNG_MAGIC: &[u8] = b"\x89PNG\r\n\x1a\n";
/// What begins a JPEG's APP1 segment that holds XMP.
const JPEG_XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
/// What begins a PNG's iTXt chunk that holds XMP, uncompressed and without a language.
const PNG_XMP: &[u8] = b"XML:com.adobe.xmp\0\0\0\0\0";
const APP0: u8 = 0xe0;
const APP1: u8 = 0xe1;
/// The most a JPEG segment can hold: its length, two bytes of it for itself, is written in two bytes.
const SEGMENT: usize = 65_533;
const END_OF_RDF: &str = "</rdf:RDF>";

/// A kind of picture file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PictureFormat {
    /// JPEG.
    Jpeg,
    /// PNG.
    Png,
}

impl PictureFormat {
    /// Its media type.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
        }
    }

    /// What its file names end in, without the dot.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
        }
    }
}

/// Why bytes are no picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPicture {
    /// They begin like no format we know.
    #[error("the file is neither JPEG nor PNG")]
    Format,
    /// They begin like one and do not go on like it.
    #[error("the file is broken or cut short")]
    Broken,
}

/// A picture file whose header has been read.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    bytes: Bytes,
    format: PictureFormat,
    size: PixelSize,
}

impl Picture {
    /// Takes `bytes` for a picture if they are one: by their first bytes, not by anyone's word for it.
    ///
    /// # Errors
    /// When they are not JPEG or PNG, or the file's structure is broken.
    pub fn read(bytes: Bytes) -> Result<Self, InvalidPicture> {
        let (format, size) = if bytes.starts_with(JPEG_MAGIC) {
            let (width, height) = jpeg(&bytes)?.dimensions().ok_or(InvalidPicture::Broken)?;
            (PictureFormat::Jpeg, (u32::from(width), u32::from(height)))
        } else if bytes.starts_with(PNG_MAGIC) {
            let png = png(&bytes)?;
            let ended = png.chunks().last().is_some_and(|chunk| chunk.kind() == *b"IEND");
            let size = png.dimensions().filter(|size| ended && size.0 > 0 && size.1 > 0);
            (PictureFormat::Png, size.ok_or(InvalidPicture::Broken)?)
        } else {
            return Err(InvalidPicture::Format);
        };
        let (width, height) = size;
        Ok(Self {
            bytes,
            format,
            size: PixelSize { width, height },
        })
    }

    /// The file.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Its format.
    #[must_use]
    pub fn format(&self) -> PictureFormat {
        self.format
    }

    /// Its size in pixels, as its header states it.
    #[must_use]
    pub fn size(&self) -> PixelSize {
        self.size
    }

    /// The XMP metadata of the file, if it has any.
    #[must_use]
    pub fn xmp(&self) -> Option<String> {
        let packet = match self.format {
            PictureFormat::Jpeg => {
                let jpeg = jpeg(&self.bytes).ok()?;
                let found = jpeg.segments().iter().find(|segment| is_jpeg_xmp(segment))?;
                found.contents().get(JPEG_XMP.len()..)?.to_vec()
            }
            PictureFormat::Png => {
                let png = png(&self.bytes).ok()?;
                let found = png.chunks().iter().find(|chunk| is_png_xmp(chunk))?;
                found.contents().get(PNG_XMP.len()..)?.to_vec()
            }
        };
        String::from_utf8(packet).ok()
    }

    /// The same picture with the label that says a model drew it. What other metadata it has stays: a provider's own mark
    /// of origin is not ours to remove.
    ///
    /// # Errors
    /// When the file's structure is broken.
    pub fn labelled(self) -> Result<Self, InvalidPicture> {
        let present = self.xmp();
        if present.as_deref().is_some_and(|xmp| xmp.contains(DIGITAL_SOURCE_TYPE)) {
            return Ok(self);
        }
        let packet = packet(present.as_deref());
        let bytes = match self.format {
            PictureFormat::Jpeg => label_jpeg(&self.bytes, &packet)?,
            PictureFormat::Png => label_png(&self.bytes, &packet)?,
        };
        Ok(Self { bytes, ..self })
    }
}

// A picture is megabytes of somebody's; its debug output is neither.
impl std::fmt::Debug for Picture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Picture({:?}, {}, {} bytes)",
            self.format,
            self.size,
            self.bytes.len()
        )
    }
}

fn jpeg(bytes: &Bytes) -> Result<Jpeg, InvalidPicture> {
    Jpeg::from_bytes(bytes.clone()).map_err(|_| InvalidPicture::Broken)
}

fn png(bytes: &Bytes) -> Result<Png, InvalidPicture> {
    Png::from_bytes(bytes.clone()).map_err(|_| InvalidPicture::Broken)
}

fn is_jpeg_xmp(segment: &JpegSegment) -> bool {
    segment.marker() == APP1 && segment.contents().starts_with(JPEG_XMP)
}

fn is_png_xmp(chunk: &PngChunk) -> bool {
    chunk.kind() == *b"iTXt" && chunk.contents().starts_with(PNG_XMP)
}

/// The label as XMP: within `present` if that is there and long enough to hold it, else on its own.
fn packet(present: Option<&str>) -> String {
    let label = format!(
        "<rdf:Description rdf:about=\"\" xmlns:Iptc4xmpExt=\"http://iptc.org/std/Iptc4xmpExt/2008-02-29/\">\
         <Iptc4xmpExt:DigitalSourceType>{DIGITAL_SOURCE_TYPE}</Iptc4xmpExt:DigitalSourceType></rdf:Description>"
    );
    if let Some((before, after)) = present.and_then(|present| present.rsplit_once(END_OF_RDF)) {
        let merged = format!("{before}{label}{END_OF_RDF}{after}");
        if merged.len() + JPEG_XMP.len() <= SEGMENT {
            return merged;
        }
    }
    format!(
        "<?xpacket begin=\"\u{feff}\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?><x:xmpmeta xmlns:x=\"adobe:ns:meta/\">\
         <rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">{label}{END_OF_RDF}</x:xmpmeta>\
         <?xpacket end=\"w\"?>"
    )
}

fn label_jpeg(bytes: &Bytes, packet: &str) -> Result<Bytes, InvalidPicture> {
    let mut jpeg = jpeg(bytes)?;
    let segments = jpeg.segments_mut();
    segments.retain(|segment| !is_jpeg_xmp(segment));
    // After the header that JFIF and Exif want first, and before everything else.
    let place = segments
        .iter()
        .take_while(|segment| matches!(segment.marker(), APP0 | APP1))
        .count();
    let contents = [JPEG_XMP, packet.as_bytes()].concat();
    segments.insert(place, JpegSegment::new_with_contents(APP1, contents.into()));
    Ok(jpeg.encoder().bytes())
}

fn label_png(bytes: &Bytes, packet: &str) -> Result<Bytes, InvalidPicture> {
    let mut png = png(bytes)?;
    let chunks = png.chunks_mut();
    chunks.retain(|chunk| !is_png_xmp(chunk));
    let contents = [PNG_XMP, packet.as_bytes()].concat();
    // The header comes first, always; metadata may follow it at once.
    chunks.insert(1, PngChunk::new(*b"iTXt", contents.into()));
    Ok(png.encoder().bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{ImageFormat, RgbImage};
    use proptest::prelude::*;

    fn drawn(format: ImageFormat) -> Bytes {
        let picture = RgbImage::from_fn(64, 48, |x, y| image::Rgb([x.to_le_bytes()[0], y.to_le_bytes()[0], 7]));
        let mut file = std::io::Cursor::new(Vec::new());
        picture.write_to(&mut file, format).unwrap();
        file.into_inner().into()
    }

    fn pixels(bytes: &[u8]) -> RgbImage {
        image::load_from_memory(bytes).unwrap().to_rgb8()
    }

    #[test]
    fn a_label_can_be_read_back_and_leaves_every_pixel() {
        for (drawn_as, format) in [
            (ImageFormat::Jpeg, PictureFormat::Jpeg),
            (ImageFormat::Png, PictureFormat::Png),
        ] {
            let file = drawn(drawn_as);
            let picture = Picture::read(file.clone()).unwrap();
            assert_eq!((picture.format(), picture.xmp()), (format, None));
            assert_eq!(picture.size(), PixelSize { width: 64, height: 48 });
            let labelled = Picture::read(picture.labelled().unwrap().bytes().clone()).unwrap();
            assert!(labelled.xmp().unwrap().contains(DIGITAL_SOURCE_TYPE));
            assert_eq!(pixels(labelled.bytes()), pixels(&file));
            let again = labelled.clone().labelled().unwrap();
            assert_eq!(again, labelled);
        }
    }

    #[test]
    fn what_a_provider_wrote_about_itself_stays() {
        let theirs =
            "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF><rdf:Description TC260:AIGC=\"1\"/></rdf:RDF></x:xmpmeta>";
        let (jpeg, png) = (drawn(ImageFormat::Jpeg), drawn(ImageFormat::Png));
        for marked in [label_jpeg(&jpeg, theirs).unwrap(), label_png(&png, theirs).unwrap()] {
            let xmp = Picture::read(marked).unwrap().labelled().unwrap().xmp().unwrap();
            assert!(xmp.contains("TC260:AIGC") && xmp.contains(DIGITAL_SOURCE_TYPE), "{xmp}");
        }
    }

    #[test]
    fn what_is_no_picture_is_not_taken_for_one() {
        let png = drawn(ImageFormat::Png);
        let cut = png.slice(..png.len() - 5);
        for (bytes, expected) in [
            (Bytes::from_static(b"<html>expired</html>"), InvalidPicture::Format),
            (Bytes::from_static(b"GIF89a"), InvalidPicture::Format),
            (Bytes::new(), InvalidPicture::Format),
            (Bytes::from_static(b"\xff\xd8\xff\xe0"), InvalidPicture::Broken),
            (cut, InvalidPicture::Broken),
        ] {
            assert_eq!(Picture::read(bytes), Err(expected));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_reading_panic(tail in proptest::collection::vec(any::<u8>(), 0..200), is_jpeg: bool) {
            let magic = if is_jpeg { JPEG_MAGIC } else { PNG_MAGIC };
            let _ = Picture::read([magic, &tail].concat().into()).map(Picture::labelled);
        }
    }
}
