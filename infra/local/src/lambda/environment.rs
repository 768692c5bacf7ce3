//! The variables of a process: those that the template gives its function, and those that belong to the runtime. No other.

use std::path::Path;

use crate::engine::spec::REGION;
use crate::template::FunctionSpec;

/// What the runtime gives every function beside its own variables; the address of its Runtime API comes with each process.
pub(super) struct Runtime<'a> {
    /// Where DynamoDB and the parameter store answer.
    pub(super) engine: &'a str,
    /// The file that tells the time.
    pub(super) clock: &'a Path,
}

impl Runtime<'_> {
    /// The environment of `function`, whose own variables are `variables` and whose program lies in `folder`.
    pub(super) fn environment(
        &self,
        function: &FunctionSpec,
        variables: impl Iterator<Item = (String, String)>,
        folder: &Path,
    ) -> Vec<(String, String)> {
        let owned = [
            ("AWS_LAMBDA_FUNCTION_NAME", function.name.clone()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", function.memory_mb.to_string()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_DEFAULT_REGION", REGION.to_owned()),
            // The engines know each function by its folder.
            ("AWS_ACCESS_KEY_ID", function.folder.clone()),
            ("AWS_SECRET_ACCESS_KEY", function.folder.clone()),
            ("AWS_ENDPOINT_URL_DYNAMODB", self.engine.to_owned()),
            ("AWS_ENDPOINT_URL_SCHEDULER", self.engine.to_owned()),
            ("AWS_ENDPOINT_URL_SSM", self.engine.to_owned()),
            ("LAMBDA_TASK_ROOT", folder.display().to_string()),
            ("_HANDLER", "bootstrap".to_owned()),
            ("TZ", ":UTC".to_owned()),
            // Not Lambda's: how the stack's clock reaches the function.
            ("VITRINE_CLOCK_FILE", self.clock.display().to_string()),
        ];
        let owned = owned.map(|(name, value)| (name.to_owned(), value));
        // What the runtime owns comes last, and so stands.
        variables.chain(owned).collect()
    }
}
