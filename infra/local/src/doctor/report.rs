//! What was found, as lines to read.

use std::fmt;

/// How wide the column of subjects is.
const SUBJECTS: usize = 20;

/// Where the text of a finding begins: after the mark, the subject and the gaps between them.
const TEXT: usize = 2 + 5 + 1 + SUBJECTS + 1;

/// How a subject was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be.
    Good,
    /// Worth a look; it works all the same.
    Note,
    /// Somebody has to do something.
    Bad,
}

/// One subject, and how it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at.
    pub subject: String,
    /// How it was found.
    pub verdict: Verdict,
    /// What is the case.
    pub says: String,
    /// What to do about it.
    pub to_do: Option<String>,
}

impl Finding {
    pub(super) fn good(subject: impl Into<String>, says: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            verdict: Verdict::Good,
            says: says.into(),
            to_do: None,
        }
    }

    pub(super) fn note(subject: impl Into<String>, says: impl Into<String>, to_do: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Note,
            to_do: Some(to_do.into()),
            ..Self::good(subject, says)
        }
    }

    pub(super) fn bad(subject: impl Into<String>, says: impl Into<String>, to_do: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Bad,
            ..Self::note(subject, says, to_do)
        }
    }
}

/// Everything that was found, under headings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    chapters: Vec<(&'static str, Vec<Finding>)>,
}

impl Report {
    pub(super) fn chapter(&mut self, heading: &'static str, findings: Vec<Finding>) {
        self.chapters.push((heading, findings));
    }

    /// All findings, in the order in which they are told.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.chapters.iter().flat_map(|(_, findings)| findings)
    }

    /// How many findings somebody has to do something about.
    #[must_use]
    pub fn bad(&self) -> usize {
        self.findings()
            .filter(|finding| finding.verdict == Verdict::Bad)
            .count()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (heading, findings) in &self.chapters {
            writeln!(f, "{heading}")?;
            for finding in findings {
                write!(f, "{finding}")?;
            }
            writeln!(f)?;
        }
        match self.bad() {
            0 => f.write_str("Nothing has to be done."),
            _ => f.write_str("What is marked with `mend` has to be done."),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.verdict {
            Verdict::Good => "ok",
            Verdict::Note => "look",
            Verdict::Bad => "mend",
        };
        let Self { subject, says, .. } = self;
        writeln!(f, "  {mark:<5} {subject:<SUBJECTS$} {says}")?;
        if let Some(to_do) = &self.to_do {
            writeln!(f, "{:TEXT$}-> {to_do}", "")?;
        }
        Ok(())
    }
}
