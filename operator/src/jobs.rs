//! The job loops: when each job of each cluster runs. What a job does is the server's business.
//!
//! [`settings`] resolves what a manifest says; [`schedule`] says at which moments a job is due, its slots; [`decide`] says
//! from a schedule, what is known of the runs so far and the time whether one is to be started now, and when to look
//! again. [`job`] remembers one job, [`cluster`] all of a cluster's, with what the status says of them; both are pure:
//! time comes in, questions, notices and reports come out. [`period`] says how often a job should run. [`task`] drives them, [`server`] and [`pods`] carry the
//! questions, [`reporter`] writes, [`loops`] begins and ends them.
//! That a slot runs once at most is kept by the server's record of runs, whatever is decided here.

pub mod cluster;
pub mod cron;
pub mod decide;
pub mod inputs;
pub mod job;
pub mod loops;
pub mod notice;
pub mod period;
pub mod pods;
pub mod reporter;
pub mod run;
pub mod schedule;
pub mod server;
pub mod settings;
pub mod task;

#[cfg(test)]
mod tests {
    //! That no situation of docs/jobs.md is without a test.

    use std::collections::BTreeSet;
    use std::path::Path;

    /// Numbers in the names of tests such as `row_3_…` and `rows_1_2_and_17_…`.
    fn rows(text: &str) -> BTreeSet<u32> {
        let tests = text.split("fn ").skip(1);
        let named = tests.filter_map(|name| {
            name.strip_prefix("rows_")
                .or_else(|| name.strip_prefix("row_"))
        });
        let words = named.flat_map(|name| {
            name.split('_').map_while(|word| match word {
                "and" => Some(None),
                word => word.parse().ok().map(Some),
            })
        });
        words.flatten().collect()
    }

    fn below(folder: &Path) -> BTreeSet<u32> {
        let mut found = BTreeSet::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                found.extend(below(&path));
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.extend(rows(&std::fs::read_to_string(path).unwrap()));
            }
        }
        found
    }

    #[test]
    fn every_situation_has_a_test() {
        let operator = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut found = below(&operator.join("src/jobs"));
        found.extend(below(&operator.join("../tests/tests")));
        let missing: Vec<_> = (1..=32).filter(|row| !found.contains(row)).collect();
        assert_eq!(missing, Vec::<u32>::new());
        let page = include_str!("../../docs/jobs.md");
        for row in 1..=32 {
            assert!(
                page.contains(&format!("\n| {row} | ")),
                "docs/jobs.md has no row {row}"
            );
        }
    }
}
