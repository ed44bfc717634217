//! `review`: the page of a batch, live, on which people decide what becomes of the videos.

mod desk;
mod export;
mod media;
mod room;
mod stream;

use std::env;
use std::net::{Ipv4Addr, SocketAddr};

use serde_json::json;
use tokio::net::TcpListener;

use self::desk::Desk;
use self::media::Media;
use self::room::Rooms;
use super::batch::Site;
use super::failure::Failure;
use super::runtime::runtime;
use super::signals::Signals;
use super::{belongs, opened};
use crate::cli::ReviewArgs;
use crate::exit::Exit;
use crate::ledger::{ReviewBook, View};
use crate::serve::{Door, Listens};
use crate::ui::Ui;
use crate::view::printable;

/// The longest name of a person, in characters.
const LONGEST_NAME: usize = 100;
/// By what systems call the person who is logged in.
const NAMES: [&str; 3] = ["USER", "LOGNAME", "USERNAME"];

pub(super) fn review(ui: &Ui, args: &ReviewArgs) -> Result<Exit, Failure> {
    let site = Site::of(&args.batch);
    if site.shared.is_some() {
        return Err(Failure::new(
            Exit::Usage,
            "decisions are kept in a run folder, and a ledger that many share has none of them",
        )
        .hint("`callsheet report` with the same --ledger makes the page to look at"));
    }
    let view = site.existing()?;
    belongs::say_whose(ui, &site, &view)?;
    if let Some(file) = &args.export {
        return export::export(ui, &site, &view, file);
    }
    if let Some(shared) = view.shared_as()? {
        return Err(opened::forgotten(&site.folder, &shared.name).hint(
            "decisions about its videos are not kept yet; `callsheet report` makes the page",
        ));
    }
    site.check_disk()?;
    bring_up_to_date(ui, &site, view)?;
    let media = Media::of(ui, &site, &args.batch)?;
    let desk = Desk::start(ReviewBook::open(&site.folder)?, &site, who(args))?;
    let served = serve(ui, args, Rooms::new(ui.tongue(), &site, &desk, media));
    desk.close()?;
    served
}

/// A ledger of an older release is read as a copy, and nothing can be written there.
fn bring_up_to_date(ui: &Ui, site: &Site, view: View) -> Result<(), Failure> {
    if !view.is_copy() {
        return Ok(());
    }
    let owner = view.endpoint()?;
    drop(view);
    Ok(opened::open_own(ui, site, &owner)?.close()?)
}

/// As whom decisions are written down.
fn who(args: &ReviewArgs) -> String {
    let named = args
        .reviewer
        .clone()
        .into_iter()
        .chain(NAMES.iter().filter_map(|name| env::var(name).ok()));
    let mut named =
        named.map(|name| printable(name.trim()).chars().take(LONGEST_NAME).collect::<String>());
    named.find(|name| !name.is_empty()).unwrap_or_else(nameless)
}

/// In a container nobody has a name.
#[cfg(unix)]
fn nameless() -> String {
    format!("user {}", rustix::process::getuid().as_raw())
}

#[cfg(not(unix))]
fn nameless() -> String {
    "somebody".to_owned()
}

/// Until Ctrl-C.
fn serve(ui: &Ui, args: &ReviewArgs, rooms: Rooms) -> Result<Exit, Failure> {
    let runtime = runtime()?;
    let ended = runtime.block_on(async {
        let mut signals = Signals::listen().map_err(|error| {
            Failure::new(Exit::Fault, format!("cannot listen to signals: {error}"))
        })?;
        let (listener, address) = listen(args.listen).await?;
        let listens = if address.ip().is_loopback() { Listens::Here } else { Listens::Anywhere };
        let door = Door::new([secret()?, secret()?], address.port(), listens);
        tell(ui, address, listens, &door);
        tokio::select! {
            () = rooms.serve(&listener, &door) => {}
            () = signals.next() => {}
        }
        Ok(Exit::Done)
    });
    // A page that is being made for somebody is of no use any more.
    runtime.shutdown_background();
    ended
}

async fn listen(asked: Option<SocketAddr>) -> Result<(TcpListener, SocketAddr), Failure> {
    let asked = asked.unwrap_or_else(|| (Ipv4Addr::LOCALHOST, 0).into());
    let failed = |error: std::io::Error| {
        Failure::new(Exit::Usage, format!("cannot listen on {asked}: {error}"))
            .hint("--listen takes another address, such as 127.0.0.1:0 for any free port")
    };
    let listener = TcpListener::bind(asked).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

/// As hard to guess as a key.
fn secret() -> Result<String, Failure> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::new(Exit::Fault, format!("no random numbers: {error}")))?;
    Ok(crate::files::hexadecimal(&bytes))
}

fn tell(ui: &Ui, address: SocketAddr, listens: Listens, door: &Door) {
    let shown = match address.ip().is_unspecified() {
        true => SocketAddr::from((Ipv4Addr::LOCALHOST, address.port())),
        false => address,
    };
    let url = format!("http://{shown}{}", door.path());
    if listens == Listens::Anywhere {
        ui.warn(
            "whoever has the link can decide, and what goes to other machines can be read on the way. A \
             tunnel is safer: leave --listen out, and use ssh -L",
        );
    }
    ui.line(&url, &json!({ "url": url }));
    ui.note("open the link in a browser; the page follows a run, and Ctrl-C here ends it");
}
