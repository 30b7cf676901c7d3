//! EWS at `Exchange2010_SP2`: reading requests, the operations, writing answers. No I/O but the store.

pub mod access;
pub mod answer;
pub mod ids;
pub mod property;
pub mod request;
pub mod schema;

mod convert_id;
mod create_folder;
pub(crate) mod create_item;
mod delete_folder;
mod delete_item;
mod fields;
mod find_folder;
mod find_item;
mod folder_moves;
mod get_folder;
mod get_item;
mod move_item;
mod paging;
mod render;
mod restriction;
mod shape;
mod update_folder;
mod update_item;

use rusqlite::Connection;

use crate::knobs::Plan;
use crate::store::StoreError;
use crate::xml::Element;
use access::Access;
use answer::{Failure, Fault, ItemError, ResponseMessage};

/// What an operation has at hand.
pub(crate) struct Call<'a> {
    c: &'a Connection,
    body: &'a Element,
    access: &'a Access,
    plan: &'a Plan,
}

/// Ends a request as a whole.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Told to the client.
    #[error("the request ends in a fault")]
    Fault(Box<Fault>),
    /// The store is broken.
    #[error("the store failed")]
    Store(#[from] StoreError),
}

impl From<Fault> for CallError {
    fn from(fault: Fault) -> Self {
        Self::Fault(Box::new(fault))
    }
}

/// The answer of an operation.
#[derive(Debug)]
pub struct Answer {
    /// Response messages, one per item.
    pub messages: Vec<ResponseMessage>,
    /// The whole envelope.
    pub envelope: String,
}

/// Says whether an operation changes anything.
pub fn writes(operation: &str) -> bool {
    !matches!(operation, "GetFolder" | "FindFolder" | "GetItem" | "FindItem" | "ConvertId")
}

/// Performs a checked request; a connection in a transaction is expected when it writes.
pub fn perform(c: &Connection, body: &Element, access: &Access, plan: &Plan) -> Result<Answer, CallError> {
    let call = Call { c, body, access, plan };
    let read_only = access.is_read_only() && writes(&body.name);
    let messages = match body.name.as_str() {
        _ if read_only => {
            call.each(&call.items(), "", |_, _| answer::fail("ErrorAccessDenied", "The role is read-only."))?
        }
        "GetFolder" => get_folder::perform(&call)?,
        "FindFolder" => find_folder::perform(&call)?,
        "CreateFolder" => create_folder::perform(&call)?,
        "UpdateFolder" => update_folder::perform(&call)?,
        "MoveFolder" => folder_moves::perform(&call)?,
        "DeleteFolder" => delete_folder::perform(&call)?,
        "CreateItem" => create_item::perform(&call)?,
        "GetItem" => get_item::perform(&call)?,
        "FindItem" => find_item::perform(&call)?,
        "UpdateItem" => update_item::perform(&call)?,
        "MoveItem" => move_item::perform(&call)?,
        "DeleteItem" => delete_item::perform(&call)?,
        "ConvertId" => convert_id::perform(&call)?,
        other => return Err(Fault::new("ErrorInvalidOperation", &format!("{other} is not supported.")).into()),
    };
    let envelope = answer::envelope(&answer::body(&body.name, &messages), !plan.settings.no_headers);
    Ok(Answer { messages, envelope })
}

impl<'a> Call<'a> {
    /// Gives the things that the request is about, one response message each.
    fn items(&self) -> Vec<&'a Element> {
        request::items(self.body)
    }

    /// Gives the part of the request by name.
    fn part(&self, name: &str) -> Option<&'a Element> {
        self.body.child(name)
    }

    /// Runs an action per item and collects the messages, making the troubles of the plan.
    fn each(
        &self,
        items: &[&'a Element],
        empty: &str,
        mut act: impl FnMut(usize, &'a Element) -> Result<String, ItemError>,
    ) -> Result<Vec<ResponseMessage>, CallError> {
        let mut messages = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let stop = self.plan.stop.as_ref();
            if stop.is_some_and(|(at, _)| index > *at) || self.plan.partial.is_some_and(|most| index >= most) {
                messages.push(ResponseMessage::not_tried(empty));
                continue;
            }
            let own =
                stop.filter(|(at, _)| *at == index).map(|(_, trouble)| trouble).or_else(|| self.plan.items.get(&index));
            let trouble = own.or(self.plan.batch.as_ref());
            let result = match trouble {
                Some(trouble) if !trouble.effect => Err(Failure::from(trouble).into()),
                _ => act(index, item),
            };
            let result = match (trouble, result) {
                (Some(trouble), Ok(_)) => Err(Failure::from(trouble).into()),
                (_, result) => result,
            };
            messages.push(match result {
                Ok(content) => ResponseMessage::success(content),
                Err(ItemError::Failure(failure)) => ResponseMessage::error(failure, empty),
                Err(ItemError::Store(error)) => return Err(error.into()),
            });
        }
        Ok(messages)
    }
}

/// Turns what fails before any item into a fault.
fn whole<T>(result: Result<T, ItemError>) -> Result<T, CallError> {
    result.map_err(|error| match error {
        ItemError::Failure(failure) => Fault::new(&failure.code, &failure.text).into(),
        ItemError::Store(error) => error.into(),
    })
}
