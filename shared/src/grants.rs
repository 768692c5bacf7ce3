//! What a function may touch, stated in its own source.
//!
//! Each function's `lib.rs` holds `pub const GRANTS`. The house tests compare it with the policies of the template, and
//! the local stack refuses whatever the template does not allow, so a forgotten permission fails here and not in the cloud.

/// One thing a function may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grant {
    /// Actions on a DynamoDB table of ours, by its short name (`images`).
    Table(&'static str, &'static [Action]),
    /// Actions on an index of a table of ours, by the short names of both (`images`, `unfinished`).
    Index(&'static str, &'static str, &'static [Action]),
    /// Reading one secret of the parameter store, by its short name (`cos-painter`).
    Parameter(&'static str),
    /// Actions on the one-off schedules of a group of ours, by its short name (`erasures`). Whoever creates one also passes the
    /// group's role on.
    Schedules(&'static str, &'static [ScheduleAction]),
    /// Taking messages from a queue of ours, by its short name (`images-paint`).
    Queue(&'static str),
    /// Actions on the pictures' bucket in every store; enforced by the store's own key pair of that role, not by AWS.
    Bucket(&'static [ObjectAction]),
}

/// A DynamoDB action, named as in IAM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "these are the names of IAM")]
pub enum Action {
    BatchGetItem,
    ConditionCheckItem,
    DeleteItem,
    GetItem,
    PutItem,
    Query,
    Scan,
    UpdateItem,
}

impl Action {
    /// The action as IAM writes it, such as `dynamodb:GetItem`.
    #[must_use]
    pub fn iam(self) -> &'static str {
        match self {
            Self::BatchGetItem => "dynamodb:BatchGetItem",
            Self::ConditionCheckItem => "dynamodb:ConditionCheckItem",
            Self::DeleteItem => "dynamodb:DeleteItem",
            Self::GetItem => "dynamodb:GetItem",
            Self::PutItem => "dynamodb:PutItem",
            Self::Query => "dynamodb:Query",
            Self::Scan => "dynamodb:Scan",
            Self::UpdateItem => "dynamodb:UpdateItem",
        }
    }
}

/// An action of EventBridge Scheduler, named as in IAM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "these are the names of IAM")]
pub enum ScheduleAction {
    CreateSchedule,
    DeleteSchedule,
}

impl ScheduleAction {
    /// The action as IAM writes it, such as `scheduler:CreateSchedule`.
    #[must_use]
    pub fn iam(self) -> &'static str {
        match self {
            Self::CreateSchedule => "scheduler:CreateSchedule",
            Self::DeleteSchedule => "scheduler:DeleteSchedule",
        }
    }
}

/// What may be done with the objects of the pictures' buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "these are the names of the S3 interface")]
pub enum ObjectAction {
    DeleteObject,
    GetObject,
    ListBucket,
    PutObject,
}
