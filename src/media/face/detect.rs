//! The detector and its model.

use std::sync::OnceLock;

use rustface::{ImageData, Model};

use super::grey::Grey;
use super::{Faces, NotCheckedReason, SMALLEST};

static MODEL: &[u8] = include_bytes!("model/seeta_fd_frontal_v1.0.bin");

/// The detector's own figure for few false alarms.
const SURE: f64 = 2.0;

fn model() -> Option<Model> {
    static READ: OnceLock<Option<Model>> = OnceLock::new();
    READ.get_or_init(|| rustface::read_model(MODEL).ok()).clone()
}

pub(super) fn faces(picture: &Grey) -> Faces {
    let Some(model) = model() else { return Faces::NotChecked(NotCheckedReason::NotBuilt) };
    let mut detector = rustface::create_detector_with_model(model);
    detector.set_min_face_size(SMALLEST);
    detector.set_score_thresh(SURE);
    detector.set_pyramid_scale_factor(0.8);
    detector.set_slide_window_step(4, 4);
    let image = ImageData::new(&picture.pixels, picture.width, picture.height);
    match detector.detect(&image).len() {
        0 => Faces::NotSeen,
        many => Faces::Seen(many),
    }
}
