//! The way of every method from a request to the use case and back.

use tonic::{Request, Status};

use super::status::Refusal;
use crate::domain::{Context, Processor};

/// The circumstances that the gateway found out; without them nothing is done.
pub(super) fn context<T>(request: &mut Request<T>) -> Result<Context, Status> {
    let context = request.extensions_mut().remove::<Context>();
    context.ok_or_else(|| Refusal::TokenMissing.into_status(""))
}

pub(super) fn refuse(refusal: Refusal, context: &Context) -> Status {
    refusal.into_status(&context.trace_id)
}

/// Runs a use case on a checked input.
pub(super) async fn run<S, I>(
    service: &S,
    context: &Context,
    input: Result<I, Refusal>,
) -> Result<S::Output, Status>
where
    S: Processor<I>,
{
    let input = input.map_err(|refusal| refuse(refusal, context))?;
    let output = service.process(context, input).await;
    output.map_err(|error| refuse(error.into(), context))
}
