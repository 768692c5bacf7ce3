//! What the stores write differently than the engine into the XML of their lists.

use percent_encoding::utf8_percent_encode;
use quick_xml::Reader;
use quick_xml::escape::unescape;
use quick_xml::events::{BytesStart, BytesText, Event};
use quick_xml::writer::Writer;

use super::sigv4::PATH;
use super::tongue::Tongue;

/// The elements that `encoding-type=url` is about.
const NAMES: [&[u8]; 6] = [b"Key", b"Prefix", b"Delimiter", b"Marker", b"NextMarker", b"StartAfter"];
/// Those that OSS's own interface adds.
const TOKENS: [&[u8]; 2] = [b"ContinuationToken", b"NextContinuationToken"];

/// The engine's XML in the caller's tongue. When escapes were asked for, the engine says that names are escaped, and does not
/// escape them; and it gives its documents S3's namespace, which the companies' own interfaces do not have.
pub(super) fn rewritten(xml: &str, tongue: Tongue) -> Result<Vec<u8>, quick_xml::Error> {
    let escaped = xml.contains("<EncodingType>url</EncodingType>");
    let mut reader = Reader::from_str(xml);
    let mut writer = Writer::new(Vec::new());
    loop {
        let event = reader.read_event()?;
        if matches!(event, Event::Eof) {
            return Ok(writer.into_inner());
        }
        let Event::Start(start) = event else {
            writer.write_event(event)?;
            continue;
        };
        let start = match tongue {
            Tongue::S3 => start,
            Tongue::Own => BytesStart::new(String::from_utf8_lossy(start.name().as_ref()).into_owned()),
        };
        writer.write_event(Event::Start(start.borrow()))?;
        if escaped && is_name(start.name().as_ref(), tongue) {
            let text = reader.read_text(start.name())?;
            let text = utf8_percent_encode(&unescape(&text)?, PATH).to_string();
            writer.write_event(Event::Text(BytesText::new(&text)))?;
            writer.write_event(Event::End(start.to_end()))?;
        }
    }
}

fn is_name(element: &[u8], tongue: Tongue) -> bool {
    NAMES.contains(&element) || (tongue == Tongue::Own && TOKENS.contains(&element))
}
