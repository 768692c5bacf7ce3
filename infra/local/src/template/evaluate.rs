//! A template with its parameters filled in, as CloudFormation would before it makes anything.

mod call;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::{Map, Value};

use super::document::{Declared, Document, Written, text_of};
use super::yaml::Node;
use super::{Sources, TemplateError};

/// The type of a resource that is a template of its own.
const NESTED: &str = "AWS::Serverless::Application";

/// How deep one value may lead to another before we call it a circle.
const DEEPEST: u32 = 40;

/// An evaluated template.
#[derive(Debug)]
pub(super) struct Stack {
    pub(super) file: String,
    pub(super) stage: String,
    pub(super) resources: Vec<Made>,
    pub(super) nested: Vec<Rc<Stack>>,
    outputs: BTreeMap<String, Value>,
}

/// A resource that would be made.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) id: String,
    pub(super) kind: String,
    /// Whether it stays when the stack goes.
    pub(super) retained: bool,
    pub(super) metadata: Value,
    pub(super) properties: Value,
}

/// Evaluates `template.yaml` and all that it nests.
pub(super) fn root(sources: &Sources, parameters: &BTreeMap<String, String>) -> Result<Stack, TemplateError> {
    let given = parameters
        .iter()
        .map(|(name, text)| (name.clone(), Value::from(text.as_str())));
    stack(sources, "template.yaml", &sources.root, &given.collect())
}

fn stack(sources: &Sources, file: &str, text: &str, given: &Map<String, Value>) -> Result<Stack, TemplateError> {
    let document = Document::parse(file, text)?;
    let scope = Scope {
        sources,
        parameters: fill(&document, given)?,
        document: &document,
        children: RefCell::default(),
        depth: Cell::default(),
    };
    scope.evaluate()
}

/// The values of all declared parameters.
fn fill(document: &Document, given: &Map<String, Value>) -> Result<BTreeMap<String, Value>, TemplateError> {
    if let Some(name) = given
        .keys()
        .find(|name| document.parameters.iter().all(|known| known.name != **name))
    {
        return Err(TemplateError::new(
            &document.file,
            name,
            "is given, but is no parameter of this template",
        ));
    }
    document
        .parameters
        .iter()
        .map(|declared| {
            let value = parameter(declared, given.get(&declared.name))
                .map_err(|problem| TemplateError::new(&document.file, &declared.name, problem))?;
            Ok((declared.name.clone(), value))
        })
        .collect()
}

fn parameter(declared: &Declared, given: Option<&Value>) -> Result<Value, String> {
    let text = match given {
        Some(value) => text_of(value).ok_or("is given something that is neither text nor number")?,
        None => declared.default.clone().ok_or("has no value")?,
    };
    if !declared.allowed.is_empty() && !declared.allowed.contains(&text) {
        return Err(format!("is {text}, which is none of {}", declared.allowed.join(", ")));
    }
    if declared.is_number {
        let number: i64 = text
            .parse()
            .map_err(|_| format!("is {text}, which is no whole number"))?;
        Ok(Value::from(number))
    } else {
        Ok(Value::from(text))
    }
}

/// One template file while it is being evaluated. `place` is always the logical id an error should name.
struct Scope<'a> {
    sources: &'a Sources,
    document: &'a Document,
    parameters: BTreeMap<String, Value>,
    children: RefCell<BTreeMap<String, Rc<Stack>>>,
    depth: Cell<u32>,
}

impl Scope<'_> {
    fn evaluate(&self) -> Result<Stack, TemplateError> {
        let mut resources = Vec::new();
        let mut nested = Vec::new();
        for written in &self.document.resources {
            if !self.is_made(written)? {
                continue;
            }
            if written.kind == NESTED {
                nested.push(self.child(written)?);
            } else {
                resources.push(self.make(written)?);
            }
        }
        let mut outputs = BTreeMap::new();
        for (name, output) in self.document.outputs.entries() {
            if let Some(condition) = output.get("Condition").and_then(Node::text)
                && !self.condition(name, condition)?
            {
                continue;
            }
            let written = output.get("Value").ok_or_else(|| self.fail(name, "has no Value"))?;
            outputs.insert(name.clone(), self.needed(name, written)?);
        }
        Ok(Stack {
            file: self.document.file.clone(),
            stage: self.parameters.get("Stage").and_then(text_of).unwrap_or_default(),
            resources,
            nested,
            outputs,
        })
    }

    fn make(&self, written: &Written) -> Result<Made, TemplateError> {
        Ok(Made {
            id: written.id.clone(),
            kind: written.kind.clone(),
            retained: written.deletion_policy.as_deref() == Some("Retain"),
            metadata: self.needed(&written.id, &written.metadata)?,
            properties: self.needed(&written.id, &written.properties)?,
        })
    }

    fn is_made(&self, written: &Written) -> Result<bool, TemplateError> {
        match &written.condition {
            Some(condition) => self.condition(&written.id, condition),
            None => Ok(true),
        }
    }

    /// The nested stack that `written` stands for, evaluated once.
    fn child(&self, written: &Written) -> Result<Rc<Stack>, TemplateError> {
        if let Some(known) = self.children.borrow().get(&written.id) {
            return Ok(Rc::clone(known));
        }
        let location = self.property(written, "Location")?;
        let location = text_of(&location).unwrap_or_default();
        let text = self
            .sources
            .nested
            .get(&location)
            .ok_or_else(|| self.fail(&written.id, format!("nests {location}, which is no file of ours")))?;
        let given = match written.properties.get("Parameters") {
            Some(node) => self.needed(&written.id, node)?,
            None => Value::Object(Map::new()),
        };
        let given = given
            .as_object()
            .ok_or_else(|| self.fail(&written.id, "gives parameters that are no map"))?;
        let child = Rc::new(stack(self.sources, &location, text, given)?);
        self.children.borrow_mut().insert(written.id.clone(), Rc::clone(&child));
        Ok(child)
    }

    /// A property of a resource, for whoever refers to the resource.
    fn property(&self, written: &Written, name: &str) -> Result<Value, TemplateError> {
        let node = written
            .properties
            .get(name)
            .ok_or_else(|| self.fail(&written.id, format!("has no {name}")))?;
        self.needed(&written.id, node)
    }

    /// The value of `node`, which must not be `AWS::NoValue`.
    fn needed(&self, place: &str, node: &Node) -> Result<Value, TemplateError> {
        self.value(place, node)?
            .ok_or_else(|| self.fail(place, "has AWS::NoValue where a value is needed"))
    }

    /// The value of `node`; `None` for `AWS::NoValue`, which lists and maps leave out.
    fn value(&self, place: &str, node: &Node) -> Result<Option<Value>, TemplateError> {
        self.deeper(place, || self.value_within(place, node))
    }

    /// Runs `step`, unless values have led to each other so often that it must be a circle.
    fn deeper<T>(&self, place: &str, step: impl FnOnce() -> Result<T, TemplateError>) -> Result<T, TemplateError> {
        let depth = self.depth.get();
        if depth >= DEEPEST {
            return Err(self.fail(place, "leads back to itself"));
        }
        self.depth.set(depth + 1);
        let value = step();
        self.depth.set(depth);
        value
    }

    fn value_within(&self, place: &str, node: &Node) -> Result<Option<Value>, TemplateError> {
        match node {
            Node::Scalar(value) => Ok(Some(value.clone())),
            Node::List(items) => {
                let mut list = Vec::with_capacity(items.len());
                for item in items {
                    list.extend(self.value(place, item)?);
                }
                Ok(Some(Value::Array(list)))
            }
            Node::Map(entries) => {
                let mut map = Map::new();
                for (name, node) in entries {
                    if let Some(value) = self.value(place, node)? {
                        map.insert(name.clone(), value);
                    }
                }
                Ok(Some(Value::Object(map)))
            }
            Node::Call(function, argument) => self.call(place, *function, argument),
        }
    }

    fn fail(&self, place: &str, problem: impl Into<String>) -> TemplateError {
        TemplateError::new(&self.document.file, place, problem)
    }
}
