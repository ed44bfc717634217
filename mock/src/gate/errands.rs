//! Does what the fake does by itself: looks at pictures and sounds, and calls back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::decisions::{callback, chance, media};
use crate::endpoints::query;
use crate::gate::reach::Courier;
use crate::http::request::Whose;
use crate::rules::scenario::Callbacks;
use crate::state::errands::{Called, Errand, What};
use crate::state::world::World;
use crate::state::worlds::Worlds;
use crate::words::dice::Dice;
use crate::words::failure::FailureCode;
use crate::words::id::TaskId;

/// So many things are fetched at once.
const AT_ONCE: usize = 8;
/// How often a task is looked at that has something to tell: the older it is, the less often.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Does errands for as long as somebody hands them over.
pub(crate) async fn run(
    worlds: Arc<Worlds>,
    mut errands: mpsc::Receiver<Errand>,
    courier: Courier,
) {
    let (courier, fetching) = (Arc::new(courier), Arc::new(Semaphore::new(AT_ONCE)));
    let mut under_way = JoinSet::new();
    loop {
        tokio::select! {
            Some(errand) = errands.recv() => {
                let whose = errand.mark.map_or(Whose::Nobody, Whose::Mark);
                let Ok(world) = worlds.of(&whose) else { continue };
                let (courier, fetching) = (Arc::clone(&courier), Arc::clone(&fetching));
                under_way.spawn(go(world, errand, courier, fetching));
            }
            Some(_) = under_way.join_next() => {}
            else => return,
        }
    }
}

async fn go(world: Arc<World>, errand: Errand, courier: Arc<Courier>, fetching: Arc<Semaphore>) {
    let Errand { task, base, what, .. } = errand;
    match what {
        What::Look { image, audio, most } => {
            let Ok(_permit) = fetching.acquire().await else { return };
            let found = look(&courier, (&image, &audio), most).await;
            if let Some(task) = world.desk().tasks.get_mut(&task) {
                task.looked(found);
            }
        }
        What::Call(url) => call(&world, &task, (&base, &url), &courier).await,
    }
}

/// How long the sound is, or why no video can be made.
async fn look(
    courier: &Courier,
    (image, audio): (&str, &str),
    most: Duration,
) -> Result<Option<Duration>, (FailureCode, String)> {
    // Each URL is told without its query: it signs.
    let lost = |what: &str, why: String| format!("{what} cannot be fetched: {why}");
    let of_picture = |why| (FailureCode::ImageProcessingError, why);
    let of_sound = |why| (FailureCode::InvalidParameters, why);
    let (picture, sound) = tokio::join!(
        courier.fetch(image, media::MOST_PICTURE_BYTES + 1),
        courier.fetch(audio, media::MOST_SOUND_BYTES),
    );
    let picture = picture.map_err(|why| of_picture(lost("image_url", why)))?;
    media::picture(&picture).map_err(of_picture)?;
    let sound = sound.map_err(|why| of_sound(lost("audio_url", why)))?;
    media::sound(&sound, most).map_err(of_sound)
}

/// Tells each change of a task's status until there is none to come, or no task any more.
async fn call(
    world: &Arc<World>,
    task: &TaskId,
    (base, url): (&str, &str),
    courier: &Arc<Courier>,
) {
    let (mut last, began) = (None, Instant::now());
    let mut messages = JoinSet::new();
    loop {
        let now = {
            let mut desk = world.desk();
            let callbacks = desk.scenario.callbacks.clone();
            callbacks.and_then(|callbacks| {
                let dice = desk.tasks.get(task)?.made.dice;
                query::told(&mut desk, base, task).map(|told| (callbacks, dice, told))
            })
        };
        let Some((callbacks, dice, (status, body))) = now else { break };
        if last.as_ref() != Some(&status) {
            let message = Message {
                world: Arc::clone(world),
                courier: Arc::clone(courier),
                task: task.clone(),
                url: url.to_owned(),
                body: body.to_string(),
                callbacks,
                dice: dice.about("callback", 0),
                status: status.clone(),
            };
            messages.spawn(message.deliver());
        }
        let ended = matches!(status.as_str(), "completed" | "failed" | "cancelled");
        last = Some(status);
        if ended {
            break;
        }
        sleep((began.elapsed() / 20).clamp(SHORTEST_PAUSE, LONGEST_PAUSE)).await;
    }
    while messages.join_next().await.is_some() {}
}

/// What is told of one change.
struct Message {
    world: Arc<World>,
    courier: Arc<Courier>,
    task: TaskId,
    url: String,
    status: String,
    body: String,
    callbacks: Callbacks,
    dice: Dice,
}

impl Message {
    /// Tells it, late, again until it is heard, and perhaps once more.
    async fn deliver(self) {
        let dice = self.dice.about(&self.status, 1);
        sleep(chance::latency(self.callbacks.late, dice)).await;
        let twice = dice.happens("twice", 0, self.callbacks.twice);
        self.heard().await;
        if twice {
            sleep(chance::latency(self.callbacks.late, self.dice.about(&self.status, 2))).await;
            self.heard().await;
        }
    }

    async fn heard(&self) {
        let waits = self.callbacks.retries.iter().map(|span| Some(span.0)).chain([None]);
        for (attempt, wait) in (1..).zip(waits) {
            if self.attempt(attempt).await.is_some_and(|status| (200..300).contains(&status)) {
                return;
            }
            let Some(wait) = wait else { return };
            sleep(wait).await;
        }
    }

    /// One try, noted.
    async fn attempt(&self, attempt: u32) -> Option<u16> {
        let seconds = self.world.desk().clock.now().seconds();
        let secret = self.callbacks.secret.as_deref();
        let signed = callback::headers(&self.task, &self.status, seconds, (secret, &self.body));
        let headers: Vec<_> = signed.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let told = self.courier.post(&self.url, &headers, self.body.as_bytes()).await;
        let (answered, error) = match told {
            Ok(status) => (Some(status), None),
            Err(error) => (None, Some(error)),
        };
        let (task, url, status) = (self.task.clone(), self.url.clone(), self.status.clone());
        self.world.desk().call(Called { task, url, status, attempt, answered, error });
        answered
    }
}
