//! The job loops: when each job of each cluster runs. What a job does is the server's business.
//!
//! [`schedule`] says at which moments a job is due, its slots. [`decide`] says from a schedule, what is known
//! of the runs so far and the time whether one is to be started now, and when to look again. Both are pure:
//! that a slot runs once at most is kept by the server's record of runs, whatever is decided here.

pub mod cron;
pub mod decide;
pub mod schedule;
