use std::io::Cursor;

use super::*;

/// A box.
fn boxed(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let size = u32::try_from(8 + body.len()).unwrap();
    [&size.to_be_bytes(), name.as_slice(), body].concat()
}

/// A box of numbers.
fn table(name: &[u8; 4], numbers: &[u32]) -> Vec<u8> {
    boxed(name, &numbers.iter().flat_map(|number| number.to_be_bytes()).collect::<Vec<_>>())
}

/// A video that streams by is judged as one in a file, in whatever pieces it comes.
fn checked(bytes: &[u8]) -> Result<Video, VideoFlaw> {
    let checked = check(&mut Cursor::new(bytes), bytes.len() as u64);
    for size in [1, 13, usize::MAX] {
        let mut sketch = Sketch::default();
        bytes.chunks(size).for_each(|piece| sketch.feed(piece).unwrap());
        assert_eq!(format!("{:?}", sketch.check()), format!("{checked:?}"), "pieces of {size}");
    }
    checked
}

#[test]
fn of_a_video_that_streams_by_little_is_kept_and_never_too_much() {
    let long = boxed(b"mdat", &vec![7; 3 << 20]);
    let mut sketch = Sketch::default();
    [FTYP, &long].iter().for_each(|bytes| sketch.feed(bytes).unwrap());
    assert!(sketch.held < 600, "{} bytes", sketch.held);
    let mut sketch = Sketch::default();
    sketch.feed(&[FTYP, b"\0\0\0\0moov"].concat()).unwrap();
    let piece = vec![0; 1 << 20];
    let refused = (0..100).find_map(|_| sketch.feed(&piece).err());
    assert!(matches!(refused, Some(VideoFlaw::Tables)) && sketch.held < 70 << 20);
}

const FTYP: &[u8] = b"\0\0\0\x10ftypisom0000";

/// A thousand units are a second.
fn mvhd(units: u32) -> Vec<u8> {
    let body = [&[0; 12][..], &1000_u32.to_be_bytes(), &units.to_be_bytes(), &[0; 80]].concat();
    boxed(b"mvhd", &body)
}

/// Two chunks of samples at these places: two of 100 bytes in the first, one of 50 in the second.
fn stbl(chunks: &[u32; 2]) -> Vec<u8> {
    let tables = [
        table(b"stts", &[0, 1, 3, 500]),
        table(b"stsc", &[0, 2, 1, 2, 1, 2, 1, 1]),
        table(b"stsz", &[0, 0, 3, 100, 100, 50]),
        table(b"stco", &[0, 2, chunks[0], chunks[1]]),
    ];
    boxed(b"stbl", &tables.concat())
}

/// The tables of a track whose samples are all in fragments.
fn no_stbl() -> Vec<u8> {
    let tables = [
        table(b"stts", &[0, 0]),
        table(b"stsc", &[0, 0]),
        table(b"stsz", &[0, 0, 0]),
        table(b"stco", &[0, 0]),
    ];
    boxed(b"stbl", &tables.concat())
}

fn trak(id: u32, handler: &[u8; 4], stbl: &[u8]) -> Vec<u8> {
    let hdlr = boxed(b"hdlr", &[&[0; 8][..], handler, &[0; 13]].concat());
    let mdhd = table(b"mdhd", &[0, 0, 0, 1000, 0, 0]);
    let mdia = [mdhd, hdlr, boxed(b"minf", stbl)].concat();
    boxed(b"trak", &[table(b"tkhd", &[0, 0, 0, id]), boxed(b"mdia", &mdia)].concat())
}

/// With picture and sound in one `mdat`, which stands before or behind the `moov`.
fn progressive(order: Order) -> Vec<u8> {
    let moov = |data: u32| {
        let picture = trak(1, b"vide", &stbl(&[data, data + 250]));
        let sound = trak(2, b"soun", &stbl(&[data + 300, data + 550]));
        boxed(b"moov", &[boxed(b"udta", b"x"), mvhd(1500), picture, sound].concat())
    };
    let mdat = boxed(b"mdat", &[7; 600]);
    let data = |before: usize| u32::try_from(before + 8).unwrap();
    match order {
        Order::MoovFirst => [FTYP, &moov(data(FTYP.len() + moov(0).len())), &mdat].concat(),
        Order::MoovLast => [FTYP, &mdat, &moov(data(FTYP.len()))].concat(),
    }
}

#[derive(Debug, Clone, Copy)]
enum Order {
    MoovFirst,
    MoovLast,
}

/// How a video in fragments says what belongs to it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Says {
    Nothing,
    Mehd,
    Mvhd,
    Sidx,
    Mfra,
}

const SAYS: [Says; 5] = [Says::Nothing, Says::Mehd, Says::Mvhd, Says::Sidx, Says::Mfra];

/// A second of picture and sound: two samples of each.
fn fragment(handlers: &[&[u8; 4]]) -> Vec<u8> {
    let moof = |data: u32| {
        let trafs = (1_u32..).zip(handlers).map(|(id, _)| {
            let tfhd = table(b"tfhd", &[0x2_0000, id]);
            // Where its data begin, how long each sample plays and how large it is.
            let run = [0x301, 2, data + 100 * (id - 1), 500, 60, 500, 40];
            boxed(b"traf", &[tfhd, table(b"trun", &run)].concat())
        });
        boxed(b"moof", &trafs.collect::<Vec<_>>().concat())
    };
    let data = u32::try_from(moof(0).len() + 8).unwrap();
    [moof(data), boxed(b"mdat", &vec![7; 100 * handlers.len()])].concat()
}

fn fragmented(says: Says, handlers: &[&[u8; 4]]) -> Vec<u8> {
    let tracks = (1_u32..).zip(handlers).map(|(id, handler)| trak(id, handler, &no_stbl()));
    let trex = (1_u32..).zip(handlers).map(|(id, _)| table(b"trex", &[0, id, 1, 0, 0, 0]));
    let mehd = if says == Says::Mehd { table(b"mehd", &[0, 3000]) } else { Vec::new() };
    let mvex = boxed(b"mvex", &[mehd, trex.collect::<Vec<_>>().concat()].concat());
    let length = mvhd(if says == Says::Mvhd { 3000 } else { 0 });
    let moov = [length, tracks.collect::<Vec<_>>().concat(), mvex].concat();
    let one = fragment(handlers);
    let size = u32::try_from(one.len()).unwrap();
    let sidx = table(b"sidx", &[0, 1, 1000, 0, 0, 3, size, 1000, 0, size, 1000, 0, size, 1000, 0]);
    let head = [FTYP, &boxed(b"moov", &moov)].concat();
    let at = |n: u32| u32::try_from(head.len()).unwrap() + n * size;
    let tfra: Vec<u8> = [0, 1, 0, 3]
        .iter()
        .flat_map(|number: &u32| number.to_be_bytes())
        .chain((0..3_u32).flat_map(|n| {
            [&(n * 1000_u32).to_be_bytes()[..], &at(n).to_be_bytes(), &[1, 1, 1]].concat()
        }))
        .collect();
    let tfra = boxed(b"tfra", &tfra);
    let size = u32::try_from(8 + tfra.len() + 16).unwrap();
    let mfra = boxed(b"mfra", &[tfra, table(b"mfro", &[0, size])].concat());
    let index = if says == Says::Sidx { sidx } else { Vec::new() };
    let end = if says == Says::Mfra { mfra } else { Vec::new() };
    [head, index, one.repeat(3), end].concat()
}

const BOTH: &[&[u8; 4]] = &[b"vide", b"soun"];

#[test]
fn a_whole_video_tells_its_length_and_that_it_has_sound() {
    let whole = |millis| Video {
        length: Some(Duration::from_millis(millis)),
        sound: Sound::There,
        ending: Ending::Proven,
    };
    for order in [Order::MoovFirst, Order::MoovLast] {
        assert_eq!(checked(&progressive(order)).unwrap(), whole(1500), "{order:?}");
    }
    for says in SAYS {
        let found = checked(&fragmented(says, BOTH)).unwrap();
        let ending = if says == Says::Nothing { Ending::Unproven } else { Ending::Proven };
        assert_eq!(found, Video { ending, ..whole(3000) }, "{says:?}");
    }
}

#[test]
fn a_video_that_is_cut_anywhere_is_noticed() {
    for order in [Order::MoovFirst, Order::MoovLast] {
        let video = progressive(order);
        for length in 0..video.len() {
            assert!(checked(&video[..length]).is_err(), "{order:?}, cut at {length}");
        }
    }
    for says in SAYS {
        let video = fragmented(says, BOTH);
        for length in 0..video.len() {
            let cut = checked(&video[..length]);
            let noticed = cut.as_ref().map_or(true, |video| video.ending == Ending::Unproven);
            assert!(noticed, "{says:?}, cut at {length}: {cut:?}");
        }
    }
}

#[test]
fn between_two_fragments_only_the_transfer_proves_the_end_of_what_says_nothing() {
    let one = fragment(BOTH).len();
    for says in SAYS {
        let video = fragmented(says, BOTH);
        // The index of fragments stands behind the last.
        let end = checked(&video).unwrap();
        let cut = checked(&video[..video.len() - one]);
        match says {
            Says::Nothing => {
                let length = Some(Duration::from_secs(2));
                assert_eq!(cut.unwrap(), Video { length, ..end });
            }
            Says::Mehd | Says::Mvhd | Says::Sidx => {
                assert!(matches!(cut, Err(VideoFlaw::Cut)), "{says:?}: {cut:?}");
            }
            Says::Mfra => assert!(cut.is_err(), "{cut:?}"),
        }
    }
}

#[test]
fn what_a_box_of_no_size_holds_is_measured_by_the_tables() {
    let mut video = progressive(Order::MoovFirst);
    let mdat = video.len() - 608;
    video[mdat..mdat + 4].copy_from_slice(&[0; 4]);
    assert!(checked(&video).is_ok());
    // All its boxes are whole, wherever it is cut.
    let cut = checked(&video[..video.len() - 30]);
    assert!(matches!(cut, Err(VideoFlaw::Cut)), "{cut:?}");
}

#[test]
fn tables_that_lead_elsewhere_are_noticed() {
    let tables = |stbl: &[u8]| {
        let moov = [mvhd(1500), trak(1, b"vide", stbl)].concat();
        let start = [FTYP, &boxed(b"mdat", &[7; 300]), &boxed(b"moov", &moov)].concat();
        checked(&[start, boxed(b"free", &[0; 900])].concat())
    };
    let data = u32::try_from(FTYP.len() + 8).unwrap();
    assert!(tables(&stbl(&[data, data + 250])).is_ok());
    assert!(matches!(tables(&stbl(&[data, data + 251])), Err(VideoFlaw::Astray)));
    assert!(matches!(tables(&stbl(&[0, data])), Err(VideoFlaw::Astray)));
    assert!(matches!(tables(&stbl(&[data, 4_000_000_000])), Err(VideoFlaw::Cut)));
    let few = [table(b"stsc", &[0, 1, 1, 1, 1]), table(b"stsz", &[0, 9, 3])].concat();
    let few = boxed(b"stbl", &[few, table(b"stco", &[0, 1, data])].concat());
    assert!(matches!(tables(&few), Err(VideoFlaw::Tables)), "there is no chunk for two of them");
    let endless = boxed(b"stbl", &table(b"stsz", &[0, 0, u32::MAX]));
    assert!(matches!(tables(&endless), Err(VideoFlaw::Tables)));
}

#[test]
fn a_video_without_sound_is_told_from_one_with_it() {
    let moov = |traks: &[Vec<u8>]| {
        let moov = boxed(b"moov", &[mvhd(1500), traks.concat()].concat());
        checked(&[FTYP, &boxed(b"mdat", &[7; 300]), &moov].concat())
    };
    let data = u32::try_from(FTYP.len() + 8).unwrap();
    let picture = || trak(1, b"vide", &stbl(&[data, data + 200]));
    assert_eq!(moov(&[picture()]).unwrap().sound, Sound::Missing);
    let nothing = trak(2, b"soun", &no_stbl());
    assert_eq!(moov(&[picture(), nothing]).unwrap().sound, Sound::Missing, "a track of nothing");
    let sound = trak(2, b"soun", &stbl(&[data, data + 200]));
    assert_eq!(moov(&[picture(), sound.clone()]).unwrap().sound, Sound::There);
    assert!(matches!(moov(&[sound]), Err(VideoFlaw::NoPicture)));
    assert!(matches!(moov(&[]), Err(VideoFlaw::Lacks("trak"))));
    assert_eq!(checked(&fragmented(Says::Mehd, &[b"vide"])).unwrap().sound, Sound::Missing);
    assert!(matches!(checked(&fragmented(Says::Mehd, &[b"soun"])), Err(VideoFlaw::NoPicture)));
}

#[test]
fn what_is_no_video_is_called_by_its_name() {
    assert!(matches!(checked(b""), Err(VideoFlaw::Empty)));
    assert!(matches!(checked(b"\n<!doctype html><p>Sorry"), Err(VideoFlaw::Page)));
    assert!(matches!(checked(b"\xef\xbb\xbf<?xml version"), Err(VideoFlaw::Page)));
    assert!(matches!(checked(b"{\"error\": \"expired\"}"), Err(VideoFlaw::Other)));
    let silent = [FTYP, &boxed(b"mdat", b"")].concat();
    assert!(matches!(checked(&silent), Err(VideoFlaw::Lacks("moov"))));
    let mut wild = progressive(Order::MoovFirst);
    wild[16..20].copy_from_slice(&[0, 0, 0, 7]);
    assert!(matches!(checked(&wild), Err(VideoFlaw::Cut)));
}

#[test]
fn nothing_hostile_is_believed() {
    let video = fragmented(Says::Mfra, BOTH);
    let mut changed = video.clone();
    for at in 0..video.len() {
        for byte in [0, 1, 0x7f, 0xff] {
            changed[at] = byte;
            let _ = checked(&changed);
        }
        changed[at] = video[at];
    }
}
