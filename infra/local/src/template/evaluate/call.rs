//! CloudFormation's functions.

use serde_json::Value;

use super::{NESTED, Scope};
use crate::template::TemplateError;
use crate::template::document::{Written, text_of};
use crate::template::yaml::{Function, Node};

/// Where the stack would stand. Names and ARNs carry it; nothing listens there.
const REGION: &str = "us-east-1";
const ACCOUNT: &str = "000000000000";

impl Scope<'_> {
    pub(super) fn call(
        &self,
        place: &str,
        function: Function,
        argument: &Node,
    ) -> Result<Option<Value>, TemplateError> {
        match function {
            Function::Ref => self.reference(place, &self.text(place, argument)?),
            Function::GetAtt => self.get_att(place, argument).map(Some),
            Function::Sub => self.sub(place, argument).map(|text| Some(Value::from(text))),
            Function::Join => self.join(place, argument).map(|text| Some(Value::from(text))),
            Function::Select => self.select(place, argument).map(Some),
            Function::Split => self.split(place, argument).map(Some),
            Function::If => {
                let [condition, then, otherwise] = self.arguments(place, "If", argument)?;
                let holds = self.condition(place, &self.text(place, condition)?)?;
                self.value(place, if holds { then } else { otherwise })
            }
            Function::And | Function::Condition | Function::Equals | Function::Not | Function::Or => self
                .holds(place, &Node::Call(function, Box::new(argument.clone())))
                .map(|flag| Some(Value::Bool(flag))),
        }
    }

    /// Whether the named condition holds.
    pub(super) fn condition(&self, place: &str, name: &str) -> Result<bool, TemplateError> {
        let written = self
            .document
            .conditions
            .get(name)
            .ok_or_else(|| self.fail(place, format!("names the condition {name}, which is not there")))?;
        self.deeper(name, || self.holds(name, written))
    }

    fn holds(&self, place: &str, node: &Node) -> Result<bool, TemplateError> {
        // Within conditions `Condition: X` may be written in the long form.
        if let [(key, name)] = node.entries()
            && key == "Condition"
        {
            return self.condition(place, &self.text(place, name)?);
        }
        let Node::Call(function, argument) = node else {
            return Err(self.fail(place, "is no condition"));
        };
        match function {
            Function::Condition => self.condition(place, &self.text(place, argument)?),
            Function::Equals => {
                let [left, right] = self.arguments(place, "Equals", argument)?;
                Ok(self.text(place, left)? == self.text(place, right)?)
            }
            Function::Not => {
                let [inner] = self.arguments(place, "Not", argument)?;
                Ok(!self.holds(place, inner)?)
            }
            Function::And => self.each(place, argument).map(|all| all.into_iter().all(|holds| holds)),
            Function::Or => self.each(place, argument).map(|all| all.into_iter().any(|holds| holds)),
            Function::GetAtt
            | Function::If
            | Function::Join
            | Function::Ref
            | Function::Select
            | Function::Split
            | Function::Sub => Err(self.fail(place, "is no condition")),
        }
    }

    fn each(&self, place: &str, argument: &Node) -> Result<Vec<bool>, TemplateError> {
        match argument {
            Node::List(items) => items.iter().map(|item| self.holds(place, item)).collect(),
            Node::Scalar(_) | Node::Map(_) | Node::Call(..) => Err(self.fail(place, "And and Or take a list")),
        }
    }

    fn reference(&self, place: &str, name: &str) -> Result<Option<Value>, TemplateError> {
        if name == "AWS::NoValue" {
            return Ok(None);
        }
        if let Some(value) = pseudo(name) {
            return Ok(Some(Value::from(value)));
        }
        if let Some(value) = self.parameters.get(name) {
            return Ok(Some(value.clone()));
        }
        if let Some(function) = name.strip_suffix(".Alias") {
            return self.alias(place, function).map(Some);
        }
        // SAM's word for the one stage that it makes of an HTTP API.
        if let Some(api) = name.strip_suffix(".Stage") {
            return self.made(place, api).map(|_| Some(Value::from("$default")));
        }
        let written = self.made(place, name)?;
        let value = match written.kind.as_str() {
            "AWS::DynamoDB::Table" => self.property(written, "TableName")?,
            "AWS::Logs::LogGroup" => self.property(written, "LogGroupName")?,
            "AWS::Serverless::Function" => self.property(written, "FunctionName")?,
            "AWS::SQS::Queue" => {
                let queue = self.property_text(written, "QueueName")?;
                Value::from(format!("https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{queue}"))
            }
            _ => Value::from(name),
        };
        Ok(Some(value))
    }

    /// The alias by which a function is called, as SAM's `X.Alias`: its ARN.
    fn alias(&self, place: &str, function: &str) -> Result<Value, TemplateError> {
        let alias = self.property_text(self.made(place, function)?, "AutoPublishAlias")?;
        let function = self.attribute(place, &format!("{function}.Arn"))?;
        let function = text_of(&function).unwrap_or_default();
        Ok(Value::from(format!("{function}:{alias}")))
    }

    fn get_att(&self, place: &str, argument: &Node) -> Result<Value, TemplateError> {
        let path = match argument {
            Node::List(parts) => {
                let parts: Result<Vec<String>, _> = parts.iter().map(|part| self.text(place, part)).collect();
                parts?.join(".")
            }
            Node::Scalar(_) | Node::Map(_) | Node::Call(..) => self.text(place, argument)?,
        };
        self.attribute(place, &path)
    }

    /// `Table.Arn`, `Data.Outputs.ImagesTable`.
    fn attribute(&self, place: &str, path: &str) -> Result<Value, TemplateError> {
        let (name, attribute) = path
            .split_once('.')
            .ok_or_else(|| self.fail(place, format!("asks for {path} without naming an attribute")))?;
        let written = self.made(place, name)?;
        let unknown = || self.fail(place, format!("asks for {path}, which {name} does not have"));
        let own = |service: &str, name: String| format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{name}");
        let arn = match (written.kind.as_str(), attribute) {
            (NESTED, _) => {
                let output = attribute.strip_prefix("Outputs.").ok_or_else(unknown)?;
                return self.child(written)?.outputs.get(output).cloned().ok_or_else(unknown);
            }
            ("AWS::DynamoDB::Table", "Arn") => own(
                "dynamodb",
                format!("table/{}", self.property_text(written, "TableName")?),
            ),
            ("AWS::DynamoDB::Table", "StreamArn") => {
                self.property(written, "StreamSpecification").map_err(|_| unknown())?;
                own(
                    "dynamodb",
                    format!("table/{}/stream/latest", self.property_text(written, "TableName")?),
                )
            }
            ("AWS::SQS::Queue", "Arn") => own("sqs", self.property_text(written, "QueueName")?),
            ("AWS::Serverless::Function", "Arn") => own(
                "lambda",
                format!("function:{}", self.property_text(written, "FunctionName")?),
            ),
            ("AWS::DynamoDB::Table" | "AWS::SQS::Queue" | "AWS::Serverless::Function", _) => return Err(unknown()),
            // Of what we do not stand in for, any attribute is a name that says where it came from.
            (kind, "Arn") => {
                let service = kind.split("::").nth(1).unwrap_or_default().to_lowercase();
                own(&service, name.to_owned())
            }
            (_, _) => path.to_owned(),
        };
        Ok(Value::from(arn))
    }

    fn sub(&self, place: &str, argument: &Node) -> Result<String, TemplateError> {
        let (template, own) = match argument {
            Node::List(items) => match items.as_slice() {
                [template, own @ Node::Map(_)] => (template, own),
                _ => return Err(self.fail(place, "Sub takes a text, or a text and a map")),
            },
            Node::Scalar(_) | Node::Map(_) | Node::Call(..) => (argument, argument),
        };
        let template = self.text(place, template)?;
        let mut text = String::new();
        let mut rest = template.as_str();
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after
                .split_once('}')
                .ok_or_else(|| self.fail(place, format!("{template} opens a brace that it does not close")))?;
            text.push_str(before);
            if let Some(literal) = name.strip_prefix('!') {
                text.push_str(&format!("${{{literal}}}"));
            } else if let Some(node) = own.get(name) {
                text.push_str(&self.text(place, node)?);
            } else {
                let value = if name.contains('.') {
                    Some(self.attribute(place, name)?)
                } else {
                    self.reference(place, name)?
                };
                let value = value.as_ref().and_then(text_of);
                text.push_str(&value.ok_or_else(|| self.fail(place, format!("{name} is no text")))?);
            }
            rest = after;
        }
        text.push_str(rest);
        Ok(text)
    }

    fn join(&self, place: &str, argument: &Node) -> Result<String, TemplateError> {
        let [separator, items] = self.arguments(place, "Join", argument)?;
        let items = self.needed(place, items)?;
        let texts: Option<Vec<String>> = items.as_array().and_then(|items| items.iter().map(text_of).collect());
        let texts = texts.ok_or_else(|| self.fail(place, "Join takes a separator and a list of texts"))?;
        Ok(texts.join(&self.text(place, separator)?))
    }

    fn select(&self, place: &str, argument: &Node) -> Result<Value, TemplateError> {
        let [index, list] = self.arguments(place, "Select", argument)?;
        let list = self.needed(place, list)?;
        let index = self.text(place, index)?.parse::<usize>().ok();
        let chosen = index.and_then(|index| list.as_array()?.get(index).cloned());
        chosen.ok_or_else(|| self.fail(place, "Select takes the place of an item in a list that has it"))
    }

    fn split(&self, place: &str, argument: &Node) -> Result<Value, TemplateError> {
        let [separator, text] = self.arguments(place, "Split", argument)?;
        let (separator, text) = (self.text(place, separator)?, self.text(place, text)?);
        Ok(text.split(separator.as_str()).collect())
    }

    fn arguments<'n, const N: usize>(
        &self,
        place: &str,
        name: &str,
        argument: &'n Node,
    ) -> Result<&'n [Node; N], TemplateError> {
        let wrong = || self.fail(place, format!("{name} takes a list of {N}"));
        match argument {
            Node::List(items) => items.as_slice().try_into().map_err(|_| wrong()),
            Node::Scalar(_) | Node::Map(_) | Node::Call(..) => Err(wrong()),
        }
    }

    fn text(&self, place: &str, node: &Node) -> Result<String, TemplateError> {
        let value = self.needed(place, node)?;
        text_of(&value).ok_or_else(|| self.fail(place, "has a list or a map where a text is needed"))
    }

    fn property_text(&self, written: &Written, name: &str) -> Result<String, TemplateError> {
        let value = self.property(written, name)?;
        text_of(&value).ok_or_else(|| self.fail(&written.id, format!("has a {name} that is no text")))
    }

    /// The resource `name`, which must be there and must be made.
    fn made(&self, place: &str, name: &str) -> Result<&Written, TemplateError> {
        let written = self
            .document
            .resource(name)
            .ok_or_else(|| self.fail(place, format!("refers to {name}, which is not there")))?;
        if self.is_made(written)? {
            Ok(written)
        } else {
            Err(self.fail(place, format!("refers to {name}, which its condition leaves out")))
        }
    }
}

fn pseudo(name: &str) -> Option<&'static str> {
    Some(match name {
        "AWS::AccountId" => ACCOUNT,
        "AWS::Partition" => "aws",
        "AWS::Region" => REGION,
        "AWS::StackName" => "vitrine",
        "AWS::URLSuffix" => "amazonaws.com",
        _ => return None,
    })
}
