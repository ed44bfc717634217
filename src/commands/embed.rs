//! Batches for programs that callsheet is a part of: what `check`, `plan`, `run` and `report` do, with
//! values where the commands have text and exit codes.

use std::ffi::OsString;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use clap::Parser;
use futures::Stream;
use futures::channel::{mpsc, oneshot};
use serde_json::{Map, Value};

use super::batch::Batch as Checked;
use super::failure::Failure;
use super::report::Written;
use super::{plan, report, run};
use crate::cli::{Cli, Command, PlanArgs, ReportArgs, RunArgs, Until};
use crate::exit::Exit;
use crate::host::{Host, StopHandle};
use crate::ledger::Change;
use crate::plan::Plan;
use crate::ui::Ui;

/// A manifest, and what became of its pairs.
///
/// What `callsheet` reads from the environment (`CALLSHEET_API_KEY`, `CALLSHEET_ENDPOINT` …) holds
/// here too. Nothing is printed: what the commands say goes to [`tracing`], by its weight. Two
/// programs cannot run one batch at once, whether they embed it or not: the second gets
/// [`Exit::InUse`].
///
/// # Examples
///
/// A rehearsal against the bundled fake, without a key or cost:
///
/// ```
/// use callsheet::{Batch, Exit, RunOptions, State};
/// use futures::StreamExt;
///
/// # let folder = tempfile::tempdir()?;
/// # let manifest = folder.path().join("two.yaml");
/// # std::fs::write(&manifest, "version: 1\npairs:\n\
/// #   - {id: a, image: https://example.com/a.jpg, audio: https://example.com/a.mp3}\n\
/// #   - {id: b, image: https://example.com/b.jpg, audio: https://example.com/b.mp3}\n")?;
/// # futures::executor::block_on(async {
/// let batch = Batch::open(&manifest)?.rehearsing("calm");
/// let mut run = batch.run(RunOptions::default())?;
/// let mut saved = 0;
/// while let Some(event) = run.next().await {
///     saved += usize::from(event.state == State::Saved);
/// }
/// let summary = run.end().await?;
/// assert_eq!((summary.exit, saved), (Exit::Done, 2));
/// println!("{}", batch.report()?.tasks_csv.display());
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
///
/// What a run would cost, before one begins:
///
/// ```
/// use callsheet::{Batch, Step};
///
/// # let folder = tempfile::tempdir()?;
/// # let manifest = folder.path().join("one.yaml");
/// # std::fs::write(&manifest, "version: 1\nprice_per_second: 0.16\npairs:\n\
/// #   - {id: a, image: https://example.com/a.jpg, audio: https://example.com/a.mp3}\n")?;
/// let forecast = Batch::open(&manifest)?.plan()?;
/// let creates = forecast.plan.of(Step::Create);
/// println!("{} to create, {:?}", creates.pairs, forecast.takes);
/// assert_eq!((creates.pairs, creates.unmeasured), (1, 1));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Batch {
    manifest: PathBuf,
    folder: Option<PathBuf>,
    scenario: Option<String>,
    endpoint: Option<String>,
}

/// How a run is made.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct RunOptions {
    /// Ends once every pair has its task id, and fetches no video.
    pub until_created: bool,
    /// Creates so many pairs at most; the same run again goes on.
    pub limit: Option<usize>,
    /// Creates under way at once, 1 to 1024; unless set, the manifest's.
    pub concurrency: Option<u16>,
    /// The file that holds the API key, unless `CALLSHEET_API_KEY` does.
    pub api_key_file: Option<PathBuf>,
    /// Sends as much as there is to send, which is paid for. Without it, a run that would send more
    /// than a person has to confirm on a terminal ends with [`Exit::Usage`].
    pub confirmed: bool,
}

/// What a run would do now.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Forecast {
    /// How many pairs are created, waited for, done …, with what they cost.
    pub plan: Plan,
    /// How long it takes, if the server keeps up.
    pub takes: Duration,
    /// How many of the pairs to create may be paid for, if anything limits that.
    pub affordable: Option<u64>,
}

/// A run under way: a stream of what happens, each event once it is committed.
///
/// The run goes on whether or not the stream is read; dropping it stops the run in order, as
/// [`Running::stop`] does, and waits for nothing.
#[derive(Debug)]
pub struct Running {
    events: mpsc::UnboundedReceiver<Change>,
    ended: oneshot::Receiver<Result<Summary, Error>>,
    stop: StopHandle,
}

/// What a run came to.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Summary {
    /// The code that `callsheet run` would have ended with: what is left to do, and why.
    pub exit: Exit,
    /// The rest, as `callsheet run --json` prints it.
    pub document: Value,
}

/// The views of the ledger, as files.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Report {
    /// A row for each pair, in manifest order.
    pub tasks_csv: PathBuf,
    /// What happened, in files of a million events each. None of a ledger that many machines share.
    pub events: Vec<PathBuf>,
    /// The page for people.
    pub report_html: Option<PathBuf>,
}

/// Why nothing was done, or no more.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
#[non_exhaustive]
pub struct Error {
    /// The code that the command would have ended with.
    pub exit: Exit,
    /// What went wrong; of a manifest, all that is wrong with it, each in its place.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Batch {
    /// Reads a manifest or a table of pairs and checks it; nothing is written or sent.
    ///
    /// # Errors
    ///
    /// [`Exit::Usage`] with all that is wrong with it.
    pub fn open(manifest: impl Into<PathBuf>) -> Result<Self, Error> {
        let batch =
            Self { manifest: manifest.into(), folder: None, scenario: None, endpoint: None };
        let args = batch.run_args(&RunOptions::default())?;
        Checked::open(&Ui::silent(), &args.batch)?;
        Ok(batch)
    }

    /// In another run folder than the one beside the manifest.
    #[must_use]
    pub fn in_folder(self, folder: impl Into<PathBuf>) -> Self {
        Self { folder: Some(folder.into()), ..self }
    }

    /// Against the bundled fake on a day of its own: `calm`, `busy`, `lossy`, `broke`, `hostile`, or
    /// a scenario's file. Has a run folder of its own.
    #[must_use]
    pub fn rehearsing(self, scenario: impl Into<String>) -> Self {
        Self { scenario: Some(scenario.into()), ..self }
    }

    /// Where the API is, instead of what the manifest or the environment says.
    #[must_use]
    pub fn at(self, endpoint: impl Into<String>) -> Self {
        Self { endpoint: Some(endpoint.into()), ..self }
    }

    /// What a run would do now, what that costs, and how long it takes. Nothing is written or sent.
    ///
    /// # Errors
    ///
    /// A manifest with mistakes, a ledger that cannot be read, pairs that were paid for elsewhere.
    pub fn plan(&self) -> Result<Forecast, Error> {
        let args: PlanArgs = self.args("plan", |command| match command {
            Command::Plan(args) => Some(args),
            _ => None,
        })?;
        let outlook = plan::foresee(&Ui::silent(), &args)?;
        Ok(Forecast { plan: outlook.plan, takes: outlook.takes, affordable: outlook.affordable })
    }

    /// Begins a run on a thread of its own: creates, waits, fetches, and continues where the last run
    /// ended. It needs no runtime of the caller's.
    ///
    /// # Errors
    ///
    /// Options that cannot be, or no thread to be had. Everything else ends the run:
    /// [`Running::end`].
    pub fn run(&self, options: RunOptions) -> Result<Running, Error> {
        let mut args = self.run_args(&options)?;
        let (events, heard) = mpsc::unbounded();
        let (end, ended) = oneshot::channel();
        let stop = StopHandle::default();
        args.host = Some(Host::new(events, stop.clone()));
        let work = move || {
            let came = run::embedded(&Ui::silent(), &args);
            // The stream ends before anybody is told of the end.
            drop(args);
            let came = came.map(|(exit, document)| Summary { exit, document });
            let _ = end.send(came.map_err(Error::from));
        };
        thread::Builder::new().name("callsheet run".into()).spawn(work).map_err(|error| {
            Failure::new(Exit::Fault, format!("cannot start a thread: {error}"))
        })?;
        Ok(Running { events: heard, ended, stop })
    }

    /// Writes `tasks.csv`, `events.jsonl` and `report.html` again from the ledger.
    ///
    /// # Errors
    ///
    /// No run yet, a ledger that cannot be read, a file that cannot be written.
    pub fn report(&self) -> Result<Report, Error> {
        let args: ReportArgs = self.args("report", |command| match command {
            Command::Report(args) => Some(args),
            _ => None,
        })?;
        let Written { csv, events, page } = report::files(&Ui::silent(), &args)?;
        Ok(Report { tasks_csv: csv, events, report_html: page.map(PathBuf::from) })
    }

    fn run_args(&self, options: &RunOptions) -> Result<RunArgs, Error> {
        let mut args = self.args("run", |command| match command {
            Command::Run(args) => Some(*args),
            _ => None,
        })?;
        if options.concurrency.is_some_and(|most| !(1..=1024).contains(&most)) {
            return Err(Failure::new(Exit::Usage, "concurrency: 1 to 1024").into());
        }
        args.until = if options.until_created { Until::Created } else { args.until };
        args.choose.limit = options.limit.or(args.choose.limit);
        args.concurrency = options.concurrency.or(args.concurrency);
        args.yes |= options.confirmed;
        args.key.api_key_file = options.api_key_file.clone();
        Ok(args)
    }

    /// The arguments of a command, as the command line has them.
    fn args<A>(&self, verb: &str, which: impl FnOnce(Command) -> Option<A>) -> Result<A, Error> {
        let mut line: Vec<OsString> = vec!["callsheet".into(), verb.into()];
        let mock = self.scenario.as_ref().map(|scenario| format!("--mock={scenario}"));
        line.extend(mock.map(OsString::from));
        let endpoint = self.endpoint.as_ref().map(|endpoint| format!("--endpoint={endpoint}"));
        line.extend(endpoint.map(OsString::from));
        if let Some(folder) = &self.folder {
            line.extend(["--out".into(), folder.into()]);
        }
        line.extend(["--".into(), self.manifest.clone().into()]);
        let cli = Cli::try_parse_from(line);
        let failed = |text: String| Error::from(Failure::new(Exit::Usage, text));
        let cli = cli.map_err(|error| failed(error.to_string()))?;
        which(cli.command).ok_or_else(|| failed(format!("`{verb}` is no command of a batch")))
    }
}

impl Running {
    /// Stops the run in order; the second time at once. See [`StopHandle::stop`].
    pub fn stop(&self) {
        self.stop.stop();
    }

    /// The same from elsewhere, such as a task that waits for a signal.
    #[must_use]
    pub fn stop_handle(&self) -> StopHandle {
        self.stop.clone()
    }

    /// Waits for the end; events that were not read are dropped.
    ///
    /// # Errors
    ///
    /// Why nothing was done, or what ended the run that no [`Summary`] tells of.
    pub async fn end(mut self) -> Result<Summary, Error> {
        let ended = (&mut self.ended).await;
        let cut = || Failure::new(Exit::Fault, "the run's thread came to an end by itself");
        ended.unwrap_or_else(|_| Err(cut().into()))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.stop();
    }
}

impl Stream for Running {
    type Item = Change;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Change>> {
        Pin::new(&mut self.events).poll_next(context)
    }
}

impl Summary {
    /// How many pairs are in each state, by its name.
    #[must_use]
    pub fn states(&self) -> Option<&Map<String, Value>> {
        self.document.get("states")?.as_object()
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        let mut message = failure.message;
        if let Some(problems) = failure.problems {
            message = format!("{}\n{message}", problems.render(false).trim_end());
        }
        Self { exit: failure.exit, message, hint: failure.hint }
    }
}
