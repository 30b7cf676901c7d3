//! The directory of destinations, on the WorkMail API.

mod explain;

use aws_sdk_workmail::Client;
use aws_sdk_workmail::config::Builder;
use aws_sdk_workmail::config::retry::RetryConfig;
use aws_sdk_workmail::operation::describe_user::DescribeUserOutput;
use aws_sdk_workmail::types::{
    AccessEffect, EntityState, ImpersonationRoleType, ImpersonationRule, ListUsersFilters, PermissionType,
};
use explain::{explain, is_missing, no_such_mailbox};
use mailcrane_core::fault::Fault;
use mailcrane_core::ports::directory::{Directory, MailboxInfo, NewUser, Permissions, UserInfo};
use mailcrane_core::secret::Secret;

/// A role takes so many rules, and a rule so many mailboxes.
const RULES: usize = 10;

/// What people read beside our roles in the WorkMail console.
const PURPOSE: &str = "Made by Mailcrane for the length of a migration";

/// One organisation of WorkMail.
#[derive(Debug, Clone)]
pub struct WorkmailDirectory {
    client: Client,
    organization: String,
    administrator: Option<String>,
}

impl WorkmailDirectory {
    /// Joins a client, the organisation's id and the configured migration administrator's address.
    #[must_use]
    pub fn new(client: Client, organization: impl Into<String>, administrator: Option<String>) -> Self {
        Self { client, organization: organization.into(), administrator: administrator.filter(|a| !a.is_empty()) }
    }

    /// Describes a user by address or id; nothing when WorkMail knows none.
    async fn describe(&self, user: &str) -> Result<Option<DescribeUserOutput>, Fault> {
        match self.client.describe_user().organization_id(&self.organization).user_id(user).send().await {
            Ok(answer) => Ok(Some(answer)),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(explain("the mailbox could not be looked up", error)),
        }
    }

    /// Searches the list of users for a primary address; older organisations describe users by id only.
    async fn search(&self, email: &str) -> Result<Option<String>, Fault> {
        let mut next = None;
        loop {
            let answer = self
                .client
                .list_users()
                .organization_id(&self.organization)
                .filters(ListUsersFilters::builder().primary_email_prefix(email).build())
                .set_next_token(next)
                .send()
                .await
                .map_err(|error| explain("the mailboxes could not be listed", error))?;
            let found = answer.users().iter().find(|user| user.email().is_some_and(|a| a.eq_ignore_ascii_case(email)));
            if let Some(user) = found {
                return Ok(user.id().map(str::to_owned));
            }
            next = answer.next_token().map(str::to_owned);
            if next.is_none() {
                return Ok(None);
            }
        }
    }

    /// Returns quota and use of a mailbox in octets, when WorkMail tells.
    async fn fill(&self, entity: &str) -> Result<(Option<u64>, Option<u64>), Fault> {
        let sent = self.client.get_mailbox_details().organization_id(&self.organization).user_id(entity).send().await;
        match sent {
            Ok(answer) => Ok((
                answer.mailbox_quota().and_then(|megabytes| u64::try_from(megabytes).ok()).map(|mb| mb << 20),
                Some(octets(answer.mailbox_size())),
            )),
            Err(error) if is_missing(&error) => Ok((None, None)),
            Err(error) => Err(explain("the mailbox could not be measured", error)),
        }
    }

    async fn info(&self, user: DescribeUserOutput) -> Result<MailboxInfo, Fault> {
        let (Some(entity), Some(email)) = (user.user_id(), user.email()) else { return Err(no_such_mailbox()) };
        let ready = user.state() == Some(&EntityState::Enabled)
            && user.mailbox_provisioned_date().is_some()
            && user.mailbox_deprovisioned_date().is_none();
        let (quota, used) = if ready { self.fill(entity).await? } else { (None, None) };
        Ok(MailboxInfo { entity: entity.to_owned(), email: email.to_owned(), ready, quota, used })
    }
}

impl Directory for WorkmailDirectory {
    async fn mailbox(&self, email: &str) -> Result<MailboxInfo, Fault> {
        let user = match self.describe(email).await? {
            Some(user) => user,
            None => {
                let entity = self.search(email).await?.ok_or_else(no_such_mailbox)?;
                self.describe(&entity).await?.ok_or_else(no_such_mailbox)?
            }
        };
        self.info(user).await
    }

    async fn administrator(&self) -> Result<MailboxInfo, Fault> {
        let named = match &self.administrator {
            Some(email) => email.clone(),
            None => self
                .client
                .describe_organization()
                .organization_id(&self.organization)
                .send()
                .await
                .map_err(|error| explain("the organisation could not be looked up", error))?
                .migration_admin()
                .map(str::to_owned)
                .ok_or_else(explain::no_administrator)?,
        };
        let user = match self.describe(&named).await? {
            Some(user) => user,
            None => match self.search(&named).await? {
                Some(entity) => self.describe(&entity).await?.ok_or_else(explain::no_administrator)?,
                None => return Err(explain::no_administrator()),
            },
        };
        self.info(user).await
    }

    async fn permissions(&self, mailbox: &str, grantee: &str) -> Result<Permissions, Fault> {
        let mut next = None;
        loop {
            let answer = self
                .client
                .list_mailbox_permissions()
                .organization_id(&self.organization)
                .entity_id(mailbox)
                .set_next_token(next)
                .send()
                .await
                .map_err(|error| explain("the permissions of the mailbox could not be listed", error))?;
            if let Some(found) = answer.permissions().iter().find(|one| one.grantee_id() == grantee) {
                return Ok(found.permission_values().iter().map(|value| value.as_str().to_owned()).collect());
            }
            next = answer.next_token().map(str::to_owned);
            if next.is_none() {
                return Ok(Permissions::new());
            }
        }
    }

    async fn permit(&self, mailbox: &str, grantee: &str, permissions: &[String]) -> Result<(), Fault> {
        if permissions.is_empty() {
            let sent = self
                .client
                .delete_mailbox_permissions()
                .organization_id(&self.organization)
                .entity_id(mailbox)
                .grantee_id(grantee)
                .send()
                .await;
            return match sent {
                Ok(_) => Ok(()),
                // A mailbox or grantee that is gone has no permissions left.
                Err(error) if is_missing(&error) => Ok(()),
                Err(error) => Err(explain("the permission on the mailbox could not be taken back", error)),
            };
        }
        let values = permissions.iter().map(|value| PermissionType::from(value.as_str())).collect();
        self.client
            .put_mailbox_permissions()
            .organization_id(&self.organization)
            .entity_id(mailbox)
            .grantee_id(grantee)
            .set_permission_values(Some(values))
            .send()
            .await
            .map(|_| ())
            .map_err(|error| explain("the permission on the mailbox could not be given", error))
    }

    async fn create_role(&self, name: &str, mailboxes: &[String]) -> Result<String, Fault> {
        let rules = rules(mailboxes)?;
        self.client
            .create_impersonation_role()
            .organization_id(&self.organization)
            .name(name)
            .r#type(ImpersonationRoleType::FullAccess)
            .description(PURPOSE)
            .set_rules(Some(rules))
            .send()
            .await
            .map_err(|error| explain("the impersonation role could not be made", error))?
            .impersonation_role_id()
            .map(str::to_owned)
            .ok_or_else(|| explain::unreadable("the impersonation role"))
    }

    async fn update_role(&self, role: &str, name: &str, mailboxes: &[String]) -> Result<(), Fault> {
        self.client
            .update_impersonation_role()
            .organization_id(&self.organization)
            .impersonation_role_id(role)
            .name(name)
            .r#type(ImpersonationRoleType::FullAccess)
            .description(PURPOSE)
            .set_rules(Some(rules(mailboxes)?))
            .send()
            .await
            .map(|_| ())
            .map_err(|error| explain("the impersonation role could not be changed", error))
    }

    async fn delete_role(&self, role: &str) -> Result<(), Fault> {
        let sent = self
            .client
            .delete_impersonation_role()
            .organization_id(&self.organization)
            .impersonation_role_id(role)
            .send()
            .await;
        match sent {
            Ok(_) => Ok(()),
            Err(error) if is_missing(&error) => Ok(()),
            Err(error) => Err(explain("the impersonation role could not be deleted", error)),
        }
    }

    async fn roles(&self, name: &str) -> Result<Vec<String>, Fault> {
        let mut found = Vec::new();
        let mut next = None;
        loop {
            let answer = self
                .client
                .list_impersonation_roles()
                .organization_id(&self.organization)
                .set_next_token(next)
                .send()
                .await
                .map_err(|error| explain("the impersonation roles could not be listed", error))?;
            let named = answer.roles().iter().filter(|role| role.name() == Some(name));
            found.extend(named.filter_map(|role| role.impersonation_role_id().map(str::to_owned)));
            next = answer.next_token().map(str::to_owned);
            if next.is_none() {
                return Ok(found);
            }
        }
    }

    async fn assume(&self, role: &str) -> Result<Secret, Fault> {
        self.client
            .assume_impersonation_role()
            .organization_id(&self.organization)
            .impersonation_role_id(role)
            .send()
            .await
            .map_err(|error| explain("the impersonation role could not be assumed", error))?
            .token()
            .map(Secret::new)
            .ok_or_else(|| explain::unreadable("the impersonation token"))
    }

    async fn user(&self, name: &str) -> Result<Option<UserInfo>, Fault> {
        let Some(user) = self.describe(name).await? else { return Ok(None) };
        let Some(entity) = user.user_id().map(str::to_owned) else { return Ok(None) };
        if user.state() == Some(&EntityState::Deleted) {
            return Ok(None);
        }
        let email = user.email().map(str::to_owned);
        Ok(Some(UserInfo { entity, email, enabled: user.state() == Some(&EntityState::Enabled) }))
    }

    async fn create_user(&self, user: &NewUser, password: &Secret) -> Result<String, Fault> {
        // The SDK would send it again after a lost answer, and then could not tell our own user from somebody else's.
        let once = Builder::default().retry_config(RetryConfig::disabled());
        self.client
            .create_user()
            .organization_id(&self.organization)
            .name(&user.name)
            .display_name(&user.display_name)
            .password(password.expose())
            .customize()
            .config_override(once)
            .send()
            .await
            .map_err(|error| explain("the user could not be created", error))?
            .user_id()
            .map(str::to_owned)
            .ok_or_else(|| explain::unreadable("the new user"))
    }

    async fn register(&self, user: &str, email: &str) -> Result<(), Fault> {
        self.client
            .register_to_work_mail()
            .organization_id(&self.organization)
            .entity_id(user)
            .email(email)
            .send()
            .await
            .map(|_| ())
            .map_err(|error| explain("the user could not be given a mailbox", error))
    }

    async fn reset_password(&self, user: &str, password: &Secret) -> Result<(), Fault> {
        self.client
            .reset_password()
            .organization_id(&self.organization)
            .user_id(user)
            .password(password.expose())
            .send()
            .await
            .map(|_| ())
            .map_err(|error| explain("the password could not be reset", error))
    }
}

/// Returns rules that allow these mailboxes; none stands for all.
fn rules(mailboxes: &[String]) -> Result<Vec<ImpersonationRule>, Fault> {
    if mailboxes.len() > RULES * RULES {
        return Err(explain::too_many_mailboxes());
    }
    if mailboxes.is_empty() {
        return Ok(vec![rule(0, None)?]);
    }
    mailboxes.chunks(RULES).enumerate().map(|(no, some)| rule(no, Some(some.to_vec()))).collect()
}

fn rule(no: usize, mailboxes: Option<Vec<String>>) -> Result<ImpersonationRule, Fault> {
    ImpersonationRule::builder()
        .impersonation_rule_id(format!("mailcrane-{no}"))
        .name(format!("mailcrane-{no}"))
        .effect(AccessEffect::Allow)
        .set_target_users(mailboxes)
        .build()
        .map_err(|error| explain::unreadable("a rule of the impersonation role").because(error))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, which suits a size")]
fn octets(megabytes: f64) -> u64 {
    (megabytes * f64::from(1 << 20)) as u64
}
