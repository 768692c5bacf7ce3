//! Which route takes a request.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Routes and what they lead to.
pub(super) struct Table<T> {
    routes: Vec<Route<T>>,
    fallback: Option<Arc<T>>,
}

struct Route<T> {
    method: String,
    parts: Vec<Part>,
    target: Arc<T>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    // In this order: at each place of the path a literal comes before a parameter, and that before the greedy `{name+}`.
    Literal(String),
    Parameter(String),
    Rest(String),
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self {
            routes: Vec::new(),
            fallback: None,
        }
    }
}

impl<T> Table<T> {
    /// Adds a route as the template writes it.
    pub(super) fn add(&mut self, method: &str, path: &str, target: Arc<T>) {
        if path == "$default" {
            self.fallback = Some(target);
            return;
        }
        let route = Route {
            method: method.to_owned(),
            parts: path.split('/').map(Part::read).collect(),
            target,
        };
        // The first that matches is the right one, if the stricter come first; of one path, ANY comes last.
        let at = self.routes.partition_point(|known| known.rank() <= route.rank());
        self.routes.insert(at, route);
    }

    /// The target for a request and the route's parameters, decoded once.
    pub(super) fn choose(&self, method: &str, path: &str) -> Option<(Arc<T>, BTreeMap<String, String>)> {
        self.routes
            .iter()
            .filter(|route| route.method == method || route.method == "ANY")
            .find_map(|route| Some((Arc::clone(&route.target), matched(&route.parts, path)?)))
            .or_else(|| {
                self.fallback
                    .as_ref()
                    .map(|target| (Arc::clone(target), BTreeMap::new()))
            })
    }
}

impl<T> Route<T> {
    fn rank(&self) -> (Vec<u8>, bool) {
        let kinds = self.parts.iter().map(|part| match part {
            Part::Literal(_) => 0,
            Part::Parameter(_) => 1,
            Part::Rest(_) => 2,
        });
        (kinds.collect(), self.method == "ANY")
    }
}

impl Part {
    fn read(text: &str) -> Self {
        match text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) {
            Some(name) => match name.strip_suffix('+') {
                Some(name) => Self::Rest(name.to_owned()),
                None => Self::Parameter(name.to_owned()),
            },
            None => Self::Literal(text.to_owned()),
        }
    }
}

fn matched(parts: &[Part], path: &str) -> Option<BTreeMap<String, String>> {
    let mut parameters = BTreeMap::new();
    let mut rest = Some(path);
    for part in parts {
        let here = rest?;
        let (segment, after) = match here.split_once('/') {
            Some((segment, after)) => (segment, Some(after)),
            None => (here, None),
        };
        rest = after;
        match part {
            Part::Literal(text) if text == segment => {}
            Part::Parameter(name) if !segment.is_empty() => {
                parameters.insert(name.clone(), decoded(segment));
            }
            Part::Rest(name) if !here.is_empty() => {
                parameters.insert(name.clone(), decoded(here));
                return Some(parameters);
            }
            Part::Literal(_) | Part::Parameter(_) | Part::Rest(_) => return None,
        }
    }
    rest.is_none().then_some(parameters)
}

/// Percent-decoded; what is no UTF-8 afterwards keeps its replacement signs, as text must be text.
fn decoded(segment: &str) -> String {
    let bytes = segment.as_bytes();
    let mut text = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let pair = bytes
            .get(at + 1..at + 3)
            .and_then(|pair| std::str::from_utf8(pair).ok());
        match pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(value) if byte == b'%' => {
                text.push(value);
                at += 3;
            }
            Some(_) | None => {
                text.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}
