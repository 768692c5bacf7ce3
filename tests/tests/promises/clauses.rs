//! The clauses as PRIVACY.md numbers them, and whether each is proved.

use std::collections::BTreeSet;

use crate::Proof;

/// The promise itself.
pub(crate) const POLICY: &str = include_str!("../../../PRIVACY.md");

/// One numbered clause.
struct Clause {
    number: &'static str,
    /// Title and text, on one line.
    text: String,
}

/// The clauses, in their order: paragraphs that begin with a bold `P` and a number.
fn clauses() -> Vec<Clause> {
    let paragraphs = POLICY.split("\n\n").filter(|paragraph| paragraph.starts_with("**P"));
    let clauses: Vec<_> = paragraphs.filter_map(Clause::read).collect();
    assert!(clauses.len() > 1, "PRIVACY.md has no numbered clauses any more");
    clauses
}

impl Clause {
    fn read(paragraph: &'static str) -> Option<Self> {
        let (number, _) = paragraph.strip_prefix("**")?.split_once(" · ")?;
        let digits = number.strip_prefix('P')?;
        digits.parse::<u8>().ok()?;
        let text = paragraph.replace("**", "").replace('\n', " ");
        Some(Self { number, text })
    }

    /// The title, if it has one, and the first sentence.
    fn first_sentence(&self) -> &str {
        let title = self.text.find(". ").map_or(self.text.len(), |at| at + 1);
        // A title is a sentence of its own; a clause that begins with a company's name has none.
        let has_title = self.text.len() > title && POLICY.contains(&format!("{}**", &self.text[..title]));
        let from = if has_title { title + 1 } else { 0 };
        let end = self.text[from..].find(". ").map_or(self.text.len(), |at| from + at + 1);
        &self.text[..end]
    }
}

/// The text of a clause, on one line.
pub(crate) fn text(number: &str) -> String {
    let clause = clauses().into_iter().find(|clause| clause.number == number);
    clause.unwrap_or_else(|| panic!("PRIVACY.md has no {number}")).text
}

/// Shows each clause with what proves it.
#[expect(clippy::print_stdout, reason = "this is what the run is for")]
pub(crate) fn print(proofs: &[Proof]) {
    for clause in clauses() {
        println!("{}", clause.first_sentence());
        for proof in proofs.iter().filter(|proof| proof.clause == clause.number) {
            println!("     proved by {}", proof.name);
        }
    }
}

/// Every clause has proofs, and no proof speaks of a clause that is not there.
pub(crate) fn accounted_for(proofs: &[Proof]) -> Result<(), String> {
    let clauses = clauses();
    let numbers: Vec<_> = clauses.iter().map(|clause| clause.number.to_owned()).collect();
    let expected: Vec<_> = (1..=clauses.len()).map(|number| format!("P{number}")).collect();
    let mut wrong = Vec::new();
    if numbers != expected {
        wrong.push(format!("PRIVACY.md numbers its clauses {}", numbers.join(", ")));
    }
    for number in &numbers {
        if !proofs.iter().any(|proof| proof.clause == number) {
            wrong.push(format!("nothing proves {number}"));
        }
    }
    let named = proofs.iter().map(|proof| proof.clause);
    for number in named.filter(|number| !numbers.iter().any(|known| known == number)) {
        wrong.push(format!("PRIVACY.md has no {number}"));
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(wrong.join("; "))
    }
}

/// The head of PRIVACY.md tells its readers which clauses are proved: exactly those that are.
pub(crate) fn head_is_true(proofs: &[Proof]) -> Result<(), String> {
    let after = POLICY.split_once("Today tests prove ").map(|(_, after)| after);
    let sentence = after
        .and_then(|after| after.split_once('.'))
        .map(|(sentence, _)| sentence);
    let sentence = sentence.ok_or("PRIVACY.md does not say which clauses tests prove today")?;
    let told: BTreeSet<_> = sentence
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| word.starts_with('P'))
        .collect();
    let proved: BTreeSet<_> = proofs.iter().map(|proof| proof.clause).collect();
    if told == proved {
        Ok(())
    } else {
        Err(format!(
            "PRIVACY.md says that tests prove {told:?}; they prove {proved:?}"
        ))
    }
}
