//! Writes folders in schema order.

use crate::ews::ids;
use crate::ews::shape::Shape;
use crate::store::folder::Folder;
use crate::xml::Writer;

/// Writes a folder.
pub(in crate::ews) fn folder(w: &mut Writer, folder: &Folder, parent: Option<&Folder>, shape: &Shape) {
    let name = match folder.class.as_str() {
        "IPF.Appointment" => "t:CalendarFolder",
        "IPF.Contact" => "t:ContactsFolder",
        "IPF.Task" => "t:TasksFolder",
        _ => "t:Folder",
    };
    let mail = matches!(name, "t:Folder" | "t:TasksFolder");
    w.open(name, &[])
        .empty("t:FolderId", &[("Id", &ids::folder(folder)), ("ChangeKey", &ids::change_key(folder.change))]);
    if shape.wants_of_folder("folder:ParentFolderId")
        && let Some(parent) = parent
    {
        w.empty("t:ParentFolderId", &[("Id", &ids::folder(parent)), ("ChangeKey", &ids::change_key(parent.change))]);
    }
    if shape.wants_of_folder("folder:FolderClass") && !folder.class.is_empty() {
        w.text("t:FolderClass", &folder.class);
    }
    if shape.wants_of_folder("folder:DisplayName") {
        w.text("t:DisplayName", &folder.name);
    }
    if shape.wants_of_folder("folder:TotalCount") {
        w.text("t:TotalCount", &folder.total.to_string());
    }
    if shape.wants_of_folder("folder:ChildFolderCount") {
        w.text("t:ChildFolderCount", &folder.children.to_string());
    }
    for wanted in &shape.properties {
        let value = match wanted.tag.as_str() {
            "0x3001:String" => folder.name.clone(),
            "0x3613:String" if !folder.class.is_empty() => folder.class.clone(),
            "0x3602:Integer" => folder.total.to_string(),
            "0x3603:Integer" => folder.unread.to_string(),
            "0x360A:Boolean" => (folder.children > 0).to_string(),
            "0x10F4:Boolean" => "false".to_owned(),
            _ => continue,
        };
        wanted.write(w, &value);
    }
    if shape.wants_of_folder("folder:UnreadCount") && mail {
        w.text("t:UnreadCount", &folder.unread.to_string());
    }
    w.close(name);
}
