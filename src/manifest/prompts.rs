//! Prompts that are allowed but look like a slip: empty, very long, or in a language that the API
//! does not know. A wrong warning is worse than none, so only what is certain is said.

use std::collections::HashMap;

use whatlang::{Lang, Script};

use super::fields::{Field, Reading};
use super::problem::Finding;

/// In characters. A prompt describes a motion; nobody needs a page for that.
const LONG: usize = 1000;
/// Telling a language apart takes 50 µs: of a large batch with a prompt for each pair, those after
/// so many different ones are not looked at.
const MOST_LOOKED_AT: usize = 2000;
/// With fewer letters, no language can be told from its neighbours.
const LEAST_LETTERS: usize = 24;

/// What was found out about prompts that occur again and again.
#[derive(Debug, Default)]
pub(super) struct Prompts(HashMap<String, Option<&'static str>>);

impl<'t> Reading<'t> {
    pub(super) fn warn_of_prompt(&mut self, field: &Field<'t>, prompt: &'t str) {
        let length = prompt.chars().count();
        let (message, label, help) = if prompt.trim().is_empty() {
            let help = "remove the key; `prompt: null` goes without that of `defaults`";
            ("the prompt is empty".to_owned(), "no words here", help)
        } else if length > LONG {
            let help = "it describes a motion, not what the picture shows: a sentence or two do";
            (format!("the prompt has {length} characters"), "surprisingly long", help)
        } else if let Some(language) = self.prompts.foreign(prompt) {
            let help = "write it in Chinese, English, Japanese, Korean, Spanish or Indonesian";
            (format!("the prompt seems to be {language}"), "the API does not know that", help)
        } else {
            return;
        };
        self.warnings.note(Finding::new(field.span(), message, label).help(help));
    }
}

impl Prompts {
    fn foreign(&mut self, prompt: &str) -> Option<&'static str> {
        if let Some(known) = self.0.get(prompt) {
            return *known;
        }
        if self.0.len() >= MOST_LOOKED_AT {
            return None;
        }
        let found = foreign(prompt);
        self.0.insert(prompt.to_owned(), found);
        found
    }
}

/// The language or writing of a text, if it is certain that it is none that the API knows.
fn foreign(text: &str) -> Option<&'static str> {
    match whatlang::detect_script(text)? {
        Script::Latin => foreign_in_latin(text),
        Script::Mandarin | Script::Hangul | Script::Hiragana | Script::Katakana => None,
        Script::Cyrillic => Some("in Cyrillic letters"),
        Script::Arabic => Some("in Arabic letters"),
        Script::Greek => Some("in Greek letters"),
        Script::Hebrew => Some("in Hebrew letters"),
        Script::Thai => Some("in Thai letters"),
        Script::Devanagari => Some("in Devanagari"),
        Script::Bengali
        | Script::Ethiopic
        | Script::Georgian
        | Script::Gujarati
        | Script::Gurmukhi
        | Script::Kannada
        | Script::Khmer
        | Script::Malayalam
        | Script::Myanmar
        | Script::Oriya
        | Script::Sinhala
        | Script::Tamil
        | Script::Telugu
        | Script::Armenian => Some("in other letters than those of its languages"),
    }
}

fn foreign_in_latin(text: &str) -> Option<&'static str> {
    if text.chars().filter(|c| c.is_alphabetic()).count() < LEAST_LETTERS {
        return None;
    }
    let found = whatlang::detect(text)?;
    let certain = found.is_reliable() && found.confidence() > 0.99;
    match found.lang() {
        Lang::Deu if certain => Some("in German"),
        Lang::Fra if certain => Some("in French"),
        Lang::Por if certain => Some("in Portuguese"),
        Lang::Ita if certain => Some("in Italian"),
        Lang::Nld if certain => Some("in Dutch"),
        Lang::Pol if certain => Some("in Polish"),
        Lang::Tur if certain => Some("in Turkish"),
        Lang::Vie if certain => Some("in Vietnamese"),
        Lang::Swe if certain => Some("in Swedish"),
        Lang::Ces if certain => Some("in Czech"),
        Lang::Hun if certain => Some("in Hungarian"),
        Lang::Ron if certain => Some("in Romanian"),
        Lang::Fin if certain => Some("in Finnish"),
        // The six, their next of kin, and what is too rare to be likelier than a mistake.
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_api_knows_or_may_know_is_not_warned_of() {
        for text in [
            "smiles warmly and nods",
            "A woman speaks calmly to the camera, hands folded, slight nod at the end.",
            "subtle breathing, micro expressions, natural blinking, ultra realistic, no subtitles",
            "presenter enthusiastic, hand gestures, studio light, bokeh, 4k, f/1.8, 35mm",
            "Anna Müller greets à la française and says “Guten Tag, liebe Freunde, wie geht es?”",
            "karaoke singer sways, sings passionately, eyes closed, mic in right hand",
            "La mujer habla despacio, mira a la cámara y sonríe al final",
            "movimientos suaves de cabeza, parpadeo natural, fondo estático",
            "La mujer sonrie y mueve las manos suavemente",
            "orang itu berbicara dengan semangat sambil menggerakkan tangan",
            "gerakan kepala yang halus, tatapan ke kamera, ekspresi tenang",
            "Wanita itu bercakap dengan tenang kepada kamera",
            "女人平静地对着镜头说话，微微点头",
            "女性がカメラに向かって落ち着いて話す",
            "ほほえんでいる",
            "여자가 카메라를 향해 차분하게 말한다",
            "La dona parla amb calma i mira la càmera amb un somriure",
            "lächelt freundlich",
            "says Привет and waves to the viewers",
            "👋🙂",
            "4k, 35 mm, 1.8",
        ] {
            assert_eq!(foreign(text), None, "{text}");
        }
    }

    #[test]
    fn what_it_does_not_know_is() {
        for (text, language) in [
            ("Die Frau spricht ruhig in die Kamera und lächelt", "in German"),
            ("Elle sourit et hoche la tête lentement", "in French"),
            ("Kobieta mówi spokojnie do kamery i uśmiecha się", "in Polish"),
            ("Kadın kameraya sakin bir şekilde konuşuyor", "in Turkish"),
            ("Người phụ nữ nói chuyện bình tĩnh trước máy quay", "in Vietnamese"),
            ("Женщина спокойно говорит в камеру", "in Cyrillic letters"),
            ("تتحدث المرأة بهدوء أمام الكاميرا", "in Arabic letters"),
            ("האישה מדברת בנחת", "in Hebrew letters"),
            ("ผู้หญิงพูดอย่างสงบ", "in Thai letters"),
            ("महिला कैमरे से शांति से बात करती है", "in Devanagari"),
            ("Η γυναίκα μιλάει ήρεμα", "in Greek letters"),
            ("பெண் அமைதியாக பேசுகிறார்", "in other letters than those of its languages"),
        ] {
            assert_eq!(foreign(text), Some(language), "{text}");
        }
    }

    #[test]
    fn a_large_batch_is_not_held_up() {
        let texts: Vec<_> = (0..MOST_LOOKED_AT).map(|n| format!("{n}")).collect();
        let mut prompts = Prompts::default();
        assert!(texts.iter().all(|text| prompts.foreign(text).is_none()));
        assert_eq!(prompts.foreign("Женщина говорит"), None, "one too many");
        let mut prompts = Prompts::default();
        let russian = "Женщина говорит";
        assert_eq!(prompts.foreign(russian), prompts.foreign(russian));
    }
}
