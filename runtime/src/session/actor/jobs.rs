//! A job of the inference queue comes to the session, and its taker hears of the end.

use tokio::sync::oneshot;

use super::super::jobs::{JobEnd, JobOrder};
use super::super::state::{JobReport, JobTaken};
use super::Actor;

/// Who wants to know what comes of a job.
#[derive(Debug)]
pub(super) struct Taker {
    id: String,
    answer: oneshot::Sender<JobEnd>,
}

impl Actor {
    /// A job is to be answered.
    pub(super) fn job(&mut self, order: JobOrder, answer: oneshot::Sender<JobEnd>) {
        // A taker that is gone hears nothing, which takes nothing from anybody.
        let tell = |answer: oneshot::Sender<JobEnd>, end| drop(answer.send(end));
        let id = order.id.clone();
        let being_committed = |reports: &Vec<JobReport>| reports.iter().any(|report| report.id == id);
        if self.in_flight.as_ref().is_some_and(|flight| being_committed(&flight.jobs)) {
            self.taker = Some(Taker { id, answer });
            return;
        }
        match self.machine.job(order) {
            JobTaken::Over(end) => tell(answer, end),
            JobTaken::Busy => tell(answer, JobEnd::Busy),
            // The taker before this one has lost its lease.
            JobTaken::Running => self.taker = Some(Taker { id, answer }),
            JobTaken::Begun(start) => {
                self.taker = Some(Taker { id, answer });
                self.begin(Some(start));
            }
        }
    }

    /// A job is to be cancelled: only one that is being answered can be.
    pub(super) fn cancel_job(&mut self, id: &str) {
        if self.machine.running_job() == Some(id)
            && let Some(generation) = &self.generation
        {
            generation.cancel();
        }
    }

    /// What came of jobs is committed.
    pub(super) fn report(&mut self, reports: Vec<JobReport>) {
        for report in reports {
            if let Some(taker) = self.taker.take_if(|taker| taker.id == report.id) {
                let _ = taker.answer.send(report.end);
            }
        }
    }
}
