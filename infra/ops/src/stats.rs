//! How much the service is used: a table for the terminal, and a chart for a report.

use std::collections::BTreeMap;
use std::fmt;

use askama::Template;
use jiff::ToSpan as _;
use jiff::civil::Date;
use shared::domain::usage::{Usage, day_of};
use shared::flows::counting::days;

use crate::{Ops, OpsError};

/// The longest report, in days.
const LONGEST: u16 = 366;

/// How many of the last days may not be summed up yet.
const UNSETTLED: i32 = 3;

/// The usage of some days, the oldest first; a day without any is there too.
#[derive(Debug, Clone)]
pub struct Report {
    days: Vec<(Date, Usage)>,
}

impl Ops {
    /// The usage of the last `days` days, today's as far as it is counted.
    ///
    /// # Errors
    /// When the table cannot be asked.
    pub async fn stats(&self, days_wanted: u16) -> Result<Report, OpsError> {
        let today = day_of(self.clock.now());
        let back = i32::from(days_wanted.clamp(1, LONGEST)) - 1;
        let first = today.saturating_sub(back.days());
        let sums = self.analytics.sums(first, today).await;
        let mut sums = sums.map_err(|error| self.explained(error))?;
        let mut report = Vec::new();
        for day in days(first, today) {
            let is_recent = day >= today.saturating_sub(UNSETTLED.days());
            let usage = match sums.remove(&day) {
                Some(sum) => sum,
                None if is_recent => self.analytics.counted(day).await?,
                None => Usage::default(),
            };
            report.push((day, usage));
        }
        Ok(Report { days: report })
    }
}

/// The outcomes of pictures, in the order in which they are drawn.
const OUTCOMES: [&str; 3] = ["ready", "refused", "failed"];

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<12}{:>10}{:>10}{:>10}{:>10}",
            "day", "views", "ready", "refused", "failed"
        )?;
        for (day, usage) in &self.days {
            let [ready, refused, failed] = OUTCOMES.map(|outcome| usage.pictures(outcome));
            writeln!(
                f,
                "{:<12}{:>10}{ready:>10}{refused:>10}{failed:>10}",
                day.to_string(),
                usage.all_views()
            )?;
        }
        let views = self.days.iter().map(|(_, usage)| usage.all_views()).sum::<u64>();
        let [ready, refused, failed] = OUTCOMES.map(|outcome| self.pictures(outcome));
        writeln!(f, "{:<12}{views:>10}{ready:>10}{refused:>10}{failed:>10}", "together")?;
        for (title, counts) in [
            ("views by page", self.sum(|usage| &usage.views)),
            ("pictures", self.sum(|usage| &usage.generations)),
        ] {
            if !counts.is_empty() {
                write!(f, "\n{title}\n")?;
            }
            for (name, count) in counts {
                writeln!(f, "  {name:<48}{count:>8}")?;
            }
        }
        Ok(())
    }
}

impl Report {
    fn pictures(&self, outcome: &str) -> u64 {
        self.days.iter().map(|(_, usage)| usage.pictures(outcome)).sum()
    }

    /// Counts of all days by name, the largest first.
    fn sum(&self, part: fn(&Usage) -> &BTreeMap<String, u64>) -> Vec<(String, u64)> {
        let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
        for (name, count) in self.days.iter().flat_map(|(_, usage)| part(usage)) {
            *sums.entry(name).or_default() += count;
        }
        let mut sums: Vec<_> = sums.into_iter().map(|(name, count)| (name.to_owned(), count)).collect();
        sums.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
        sums
    }

    /// The chart: views a day above, pictures a day by outcome below.
    ///
    /// # Errors
    /// When it cannot be drawn.
    pub fn svg(&self) -> Result<String, askama::Error> {
        let views = self.days.iter().map(|(_, usage)| vec![usage.all_views()]);
        let pictures = self
            .days
            .iter()
            .map(|(_, usage)| OUTCOMES.map(|outcome| usage.pictures(outcome)).to_vec());
        let (first, last) = (self.days.first(), self.days.last());
        let day = |day: Option<&(Date, Usage)>| day.map(|(day, _)| day.to_string()).unwrap_or_default();
        let chart = Chart {
            first: day(first),
            last: day(last),
            panels: vec![
                Panel::of("Page views a day", 70, views.collect()),
                Panel::of("Pictures a day", 320, pictures.collect()),
            ],
        };
        chart.render()
    }
}

/// Where the bars are, in hundredths of the chart's own unit.
const LEFT: u64 = 6_000;
const WIDTH: u64 = 88_000;
const HEIGHT: u64 = 18_000;

/// How much of a day's place its bar takes, in percent.
const BAR: u64 = 70;

#[derive(Template)]
#[template(path = "usage.svg", escape = "xml")]
struct Chart {
    first: String,
    last: String,
    panels: Vec<Panel>,
}

/// One of the chart's two pictures.
struct Panel {
    title: &'static str,
    top: u32,
    /// Lines across, with what they stand for: their height below the top, and the number.
    marks: Vec<(String, u64)>,
    bars: Vec<Bar>,
}

/// A piece of a day's column.
struct Bar {
    x: String,
    y: String,
    width: String,
    height: String,
    /// Which of the pieces it is, from below.
    part: usize,
}

impl Panel {
    fn of(title: &'static str, top: u32, columns: Vec<Vec<u64>>) -> Self {
        let highest = columns
            .iter()
            .map(|column| column.iter().sum::<u64>())
            .max()
            .unwrap_or_default();
        let ceiling = round_up(highest);
        let scale = |count: u64| count.saturating_mul(HEIGHT) / ceiling.max(1);
        let slot = WIDTH / u64::try_from(columns.len()).unwrap_or(1).max(1);
        let mut bars = Vec::new();
        for (column, from) in columns
            .iter()
            .zip((LEFT..).step_by(usize::try_from(slot).unwrap_or(1).max(1)))
        {
            let mut below = 0;
            for (part, count) in column.iter().enumerate().filter(|(_, count)| **count > 0) {
                below += count;
                bars.push(Bar {
                    x: units(from + slot * (100 - BAR) / 200),
                    y: units(HEIGHT - scale(below)),
                    width: units(slot * BAR / 100),
                    height: units(scale(*count)),
                    part,
                });
            }
        }
        let marks = (0..=4).map(|quarter| {
            let count = ceiling * quarter / 4;
            (units(HEIGHT - scale(count)), count)
        });
        Self {
            title,
            top,
            marks: marks.collect(),
            bars,
        }
    }
}

/// Hundredths as a decimal number.
fn units(hundredths: u64) -> String {
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

/// The next number that four marks divide well: 4, 8, 20, 40, 80, 200, …
fn round_up(highest: u64) -> u64 {
    let steps = (0..18).flat_map(|power| [4, 8, 20].map(|step| step * 10_u64.pow(power)));
    steps.into_iter().find(|ceiling| *ceiling >= highest).unwrap_or(highest)
}
