//! A job of the writer, between what the open transaction made of it and the commit.

use super::{Job, Jobs, Reply, Settled};
use crate::ledger::record::Record;
use crate::ledger::write::Write;
use crate::ledger::{LedgerError, Permit};

/// A job with what the open transaction made of it. Delivered only after the commit.
pub(super) enum Answered {
    /// With the pair's number among those who share the ledger.
    Intend(Result<(Permit, Option<i32>), LedgerError>, Jobs, Reply<Permit>),
    Record(Record, Result<Settled, LedgerError>, Option<Reply<Settled>>),
}

impl Answered {
    /// Does a job. A failure that is not the job's own becomes the `fault` of all.
    pub(super) fn by(job: Job, write: &mut Write<'_>, fault: &mut Option<LedgerError>) -> Self {
        let mut note = |error: &LedgerError| {
            if !error.is_refusal() {
                *fault = Some(error.clone());
            }
        };
        match job {
            Job::Intend(occasion, planned, back, reply) => {
                let permit = write.permit(occasion, &planned).and_then(|permit| {
                    let n = write.take_for(planned.pair)?;
                    Ok((permit, n))
                });
                Self::Intend(permit.inspect_err(&mut note), back, reply)
            }
            Job::Record(record, reply) => {
                let settled = write.record(&record).inspect_err(&mut note);
                Self::Record(record, settled, reply)
            }
        }
    }

    pub(super) fn refused(job: Job, error: &LedgerError) -> Self {
        match job {
            Job::Intend(_, _, back, reply) => Self::Intend(Err(error.clone()), back, reply),
            Job::Record(record, reply) => Self::Record(record, Err(error.clone()), reply),
        }
    }

    pub(super) fn fail(self, error: &LedgerError) {
        match self {
            Self::Intend(_, _, reply) => drop(reply.send(Err(error.clone()))),
            Self::Record(_, _, Some(reply)) => drop(reply.send(Err(error.clone()))),
            Self::Record(_, _, None) => {}
        }
    }

    pub(super) fn into_outcome(self, error: &LedgerError) -> Option<Job> {
        match self {
            Self::Record(record, _, reply) => Some(Job::Record(record, reply)),
            intent @ Self::Intend(..) => {
                intent.fail(error);
                None
            }
        }
    }
}
