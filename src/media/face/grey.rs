//! Decodes a picture to shades of grey, small enough for the detector.

use std::io::Cursor;

use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::super::image::Kind;
use super::{MOST_PIXELS, turn};

/// The longest side that is looked at: more takes longer and finds no more.
const LONGEST: u32 = 800;

/// Memory for one decoder, in bytes: 32 million pixels of four bytes, and some more.
const MOST_BYTES: usize = 160 << 20;

/// Rows of shades from 0 to 255.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Grey {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) pixels: Vec<u8>,
}

impl Grey {
    pub(super) fn shortest(&self) -> u32 {
        self.width.min(self.height)
    }

    /// From pixels of one to four bytes: grey, grey and alpha, RGB, RGBA.
    fn new((width, height): (u32, u32), samples: usize, bytes: &[u8]) -> Option<Grey> {
        let pixels: Vec<u8> = bytes.chunks_exact(samples).filter_map(shade).collect();
        let expected = u64::from(width) * u64::from(height);
        (pixels.len() as u64 == expected).then_some(Grey { width, height, pixels })
    }

    /// With a longest side of at most [`LONGEST`]; each new pixel is the mean of those it covers.
    fn shrunk(self) -> Grey {
        let longest = self.width.max(self.height);
        if longest <= LONGEST {
            return self;
        }
        let fit = |side: u32| {
            u32::try_from(u64::from(side) * u64::from(LONGEST) / u64::from(longest))
                .unwrap_or(LONGEST)
        };
        let (width, height) = (fit(self.width).max(1), fit(self.height).max(1));
        let columns: Vec<_> = (0..width).map(|x| span(x, self.width, width)).collect();
        let rows = (0..height).map(|y| span(y, self.height, height));
        let pixels =
            rows.flat_map(|row| columns.iter().map(move |column| (row.clone(), column.clone())));
        let pixels = pixels.map(|(row, column)| self.mean(row, column)).collect();
        Grey { width, height, pixels }
    }

    fn mean(&self, rows: std::ops::Range<usize>, columns: std::ops::Range<usize>) -> u8 {
        let many = (rows.len() * columns.len()).max(1) as u64;
        let width = self.width as usize;
        let sum: u64 = rows
            .map(|y| &self.pixels[y * width..][columns.clone()])
            .map(|row| row.iter().map(|shade| u64::from(*shade)).sum::<u64>())
            .sum();
        u8::try_from(sum / many).unwrap_or(u8::MAX)
    }
}

/// The old pixels that a new one covers: at least one.
fn span(at: u32, old: u32, new: u32) -> std::ops::Range<usize> {
    let edge = |at: u32| (u64::from(at) * u64::from(old) / u64::from(new)) as usize;
    edge(at)..edge(at + 1).max(edge(at) + 1)
}

fn shade(pixel: &[u8]) -> Option<u8> {
    let luma = |r: u8, g: u8, b: u8| -> u32 {
        (77 * u32::from(r) + 150 * u32::from(g) + 29 * u32::from(b)) >> 8
    };
    let (shade, alpha) = match *pixel {
        [grey] => (grey.into(), 255),
        [grey, alpha] => (grey.into(), alpha),
        [r, g, b] => (luma(r, g, b), 255),
        [r, g, b, alpha] => (luma(r, g, b), alpha),
        _ => return None,
    };
    // What can be looked through stands before white.
    let alpha = u32::from(alpha);
    u8::try_from((shade * alpha + 255 * (255 - alpha)) / 255).ok()
}

/// A picture whose size was checked. `None`: it cannot be decoded.
pub(super) fn decode(bytes: &[u8], kind: Kind) -> Option<Grey> {
    let picture = match kind {
        Kind::Jpeg => jpeg(bytes),
        Kind::Png => png(bytes),
        Kind::WebP => webp(bytes),
        Kind::Gif => gif(bytes),
        Kind::Avif => None,
    };
    picture.map(Grey::shrunk)
}

/// Whether every row of a JPEG is there, its end marker aside.
pub(super) fn has_all_rows(bytes: &[u8]) -> bool {
    let options = options().set_strict_mode(true);
    zune_jpeg::JpegDecoder::new_with_options(Cursor::new(bytes), options).decode().is_ok()
}

fn options() -> DecoderOptions {
    DecoderOptions::default()
        .jpeg_set_out_colorspace(ColorSpace::Luma)
        // Usual ones have ten; each goes over the whole picture.
        .jpeg_set_max_scans(24)
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX))
}

fn jpeg(bytes: &[u8]) -> Option<Grey> {
    let mut decoder = zune_jpeg::JpegDecoder::new_with_options(Cursor::new(bytes), options());
    decoder.decode_headers().ok()?;
    let (width, height) = decoder.dimensions()?;
    if width as u64 * height as u64 > MOST_PIXELS {
        return None;
    }
    let turn = decoder.exif().map_or(1, |exif| turn::read(exif));
    let pixels = decoder.decode().ok()?;
    let picture = Grey::new((width.try_into().ok()?, height.try_into().ok()?), 1, &pixels)?;
    Some(turn::upright(picture.shrunk(), turn))
}

fn png(bytes: &[u8]) -> Option<Grey> {
    let limits = png::Limits { bytes: MOST_BYTES };
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    let mut reader = decoder.read_info().ok()?;
    let size = reader.output_buffer_size().filter(|size| *size <= MOST_BYTES)?;
    let mut pixels = vec![0; size];
    let told = reader.next_frame(&mut pixels).ok()?;
    let samples = told.color_type.samples();
    Grey::new((told.width, told.height), samples, pixels.get(..told.buffer_size())?)
}

fn webp(bytes: &[u8]) -> Option<Grey> {
    let mut decoder = image_webp::WebPDecoder::new(Cursor::new(bytes)).ok()?;
    decoder.set_memory_limit(MOST_BYTES);
    if decoder.is_animated() {
        return None;
    }
    let size = decoder.output_buffer_size().filter(|size| *size <= MOST_BYTES)?;
    let mut pixels = vec![0; size];
    decoder.read_image(&mut pixels).ok()?;
    Grey::new(decoder.dimensions(), if decoder.has_alpha() { 4 } else { 3 }, &pixels)
}

/// The first frame, which need not fill the whole picture.
fn gif(bytes: &[u8]) -> Option<Grey> {
    let mut options = gif::DecodeOptions::new();
    options.set_color_output(gif::ColorOutput::RGBA);
    options
        .set_memory_limit(gif::MemoryLimit::Bytes(std::num::NonZeroU64::new(MOST_BYTES as u64)?));
    let mut decoder = options.read_info(bytes).ok()?;
    let frame = decoder.read_next_frame().ok()??;
    Grey::new((frame.width.into(), frame.height.into()), 4, &frame.buffer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_pictures_shrink_to_the_mean_of_what_they_cover() {
        let row = [0, 100].repeat(800);
        let picture = Grey::new((1600, 2), 1, &row.repeat(2)).unwrap().shrunk();
        assert_eq!(picture, Grey { width: 800, height: 1, pixels: vec![50; 800] });
        let long = Grey::new((3000, 1), 1, &[7; 3000]).unwrap().shrunk();
        assert_eq!((long.width, long.height), (800, 1));
        assert!(long.pixels.iter().all(|shade| *shade == 7));
    }

    #[test]
    fn every_sort_of_pixel_has_a_shade() {
        assert_eq!(shade(&[9]), Some(9));
        assert_eq!(shade(&[0, 0]), Some(255));
        assert_eq!(shade(&[255, 255, 255]), Some(255));
        assert_eq!(shade(&[0, 255, 0, 255]), Some(149));
        assert_eq!(shade(&[0; 5]), None);
    }

    #[test]
    fn pixels_have_to_be_as_many_as_the_size_says() {
        assert_eq!(Grey::new((2, 2), 3, &[0; 11]), None);
    }
}
