//! The destination's folders: found, or made, level by level.

use super::mapping::{Place, title};
use mailcrane_core::Fault;
use mailcrane_core::folder::{FolderId, Role};
use mailcrane_core::ports::destination::Destination;
use std::collections::HashMap;

/// The folders of a destination, by parent and name in lower case.
#[derive(Debug)]
pub(super) struct Places {
    roles: HashMap<Role, FolderId>,
    named: HashMap<(Option<FolderId>, String), FolderId>,
}

impl Places {
    /// Lists what is there.
    ///
    /// # Errors
    /// The fault of the destination.
    pub(super) async fn of<D: Destination>(destination: &D) -> Result<Self, Fault> {
        let folders = destination.folders().await?;
        let mut places = Self { roles: HashMap::new(), named: HashMap::new() };
        for folder in folders.into_iter().filter(|f| f.mail) {
            if let Some(role) = folder.role {
                places.roles.entry(role).or_insert_with(|| folder.id.clone());
            }
            places.named.entry((folder.parent, folder.name.to_lowercase())).or_insert(folder.id);
        }
        Ok(places)
    }

    /// Returns the folder of that place; makes what is missing.
    ///
    /// # Errors
    /// The fault of the destination.
    pub(super) async fn ensure<D: Destination>(
        &mut self,
        destination: &D,
        place: &Place,
        role: Option<Role>,
    ) -> Result<FolderId, Fault> {
        let mut parent = match place.root {
            Some(root) => Some(self.root(destination, root).await?),
            None => None,
        };
        // A special folder that the user puts elsewhere is an ordinary one there.
        let special = |role: &Role| place.root.is_none() && place.names == [title(*role)];
        let role = role.filter(special);
        for name in &place.names {
            parent = Some(self.child(destination, parent, name, role).await?);
        }
        match parent {
            Some(folder) => Ok(folder),
            None => self.root(destination, Role::Inbox).await,
        }
    }

    async fn root<D: Destination>(&mut self, destination: &D, role: Role) -> Result<FolderId, Fault> {
        if let Some(folder) = self.roles.get(&role) {
            return Ok(folder.clone());
        }
        let folder = self.child(destination, None, title(role), Some(role)).await?;
        self.roles.insert(role, folder.clone());
        Ok(folder)
    }

    async fn child<D: Destination>(
        &mut self,
        destination: &D,
        parent: Option<FolderId>,
        name: &str,
        role: Option<Role>,
    ) -> Result<FolderId, Fault> {
        let key = (parent, name.to_lowercase());
        if let Some(folder) = self.named.get(&key) {
            return Ok(folder.clone());
        }
        let folder = destination.create_folder(key.0.as_ref(), name, role).await?;
        self.named.insert(key, folder.clone());
        Ok(folder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mailcrane_testkit::Memory;

    #[test]
    fn a_special_folder_that_the_user_puts_elsewhere_is_made_there() {
        let memory = Memory::default();
        memory.clock.block_on(async {
            let _ = memory.ends.destinations.mailbox("anna@example.org");
            let destination = memory.ends.destinations.open("anna@example.org").await.unwrap();
            let mut places = Places::of(&destination).await.unwrap();
            let place = |names: &[&str]| Place { root: None, names: names.iter().map(|n| (*n).to_owned()).collect() };
            let system = places.root(&destination, Role::Sent).await.unwrap();
            for names in [&["Old", "Sent Items"][..], &["Post"]] {
                let made = places.ensure(&destination, &place(names), Some(Role::Sent)).await.unwrap();
                assert_ne!(made, system, "{names:?}");
            }
        });
    }
}
