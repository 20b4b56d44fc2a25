//! What the program says at its end.

use std::{fs, io, path::Path, time::Duration};

use serde_json::{Map, Value, json};

/// Names and figures, in the order of the report.
#[derive(Default)]
pub(crate) struct Report(Vec<(&'static str, Value)>);

impl Report {
    pub(crate) fn add(&mut self, name: &'static str, figure: impl Into<Value>) {
        self.0.push((name, figure.into()));
    }

    /// A time in milliseconds.
    pub(crate) fn add_time(&mut self, name: &'static str, time: Option<Duration>) {
        let millis = time.map(|time| (time.as_secs_f64() * 1e6).round() / 1e3);
        self.add(name, json!(millis));
    }

    /// Prints a line for each figure. Figures that are not known are not printed.
    pub(crate) fn print(&self) {
        for (name, figure) in &self.0 {
            match figure {
                Value::Null => {}
                Value::String(text) => println!("{name:28}{text:>14}"),
                figure => println!("{name:28}{:>14}", figure.to_string()),
            }
        }
    }

    /// Writes an object with all figures. The names have underscores. `-` is the standard output.
    pub(crate) fn write(&self, path: &Path) -> io::Result<()> {
        let figures: Map<_, _> = self
            .0
            .iter()
            .map(|(name, figure)| (name.replace(", ", " ").replace(' ', "_"), figure.clone()))
            .collect();
        let text = format!("{:#}\n", Value::Object(figures));
        if path == Path::new("-") {
            print!("{text}");
            return Ok(());
        }
        fs::write(path, text)
    }
}

/// What the system says about this process.
#[derive(Clone, Copy)]
pub(crate) struct Process {
    /// The memory in use, in bytes.
    pub(crate) resident: u64,
    /// The time of processors.
    pub(crate) processor: Duration,
}

impl Process {
    /// `None` where there is no `/proc`.
    pub(crate) fn read() -> Option<Self> {
        let status = fs::read_to_string("/proc/self/status").ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        let resident = line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024;
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        // The name of the program may contain anything, and ends with the last parenthesis. Fields 14 and 15 are the times, in
        // hundredths of a second on Linux.
        let (_, fields) = stat.rsplit_once(')')?;
        let ticks: Option<Vec<u64>> =
            fields.split_whitespace().skip(11).take(2).map(|field| field.parse().ok()).collect();
        Some(Self { resident, processor: Duration::from_millis(ticks?.iter().sum::<u64>() * 10) })
    }
}
