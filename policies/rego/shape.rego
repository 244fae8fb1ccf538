# METADATA
# title: What kind of thing a file is
package pawl.rules.shape

import data.pawl.lib
import rego.v1

# METADATA
# title: A submodule
# custom:
#   id: floor.gitlink
#   level: deny
#   remedy: Bring the files themselves; a link to another repository is not what was proven.
deny contains {"rule": "floor.gitlink", "place": file.path, "why": why} if {
	some file in lib.kept
	file.new_mode == "160000"
	why := "the path would hold a commit of another repository"
}

# METADATA
# title: A mode that is none of git's
# custom:
#   id: floor.odd-mode
#   level: deny
#   remedy: Make it a plain file (100644) or a program (100755).
deny contains {"rule": "floor.odd-mode", "place": file.path, "why": why} if {
	some file in lib.kept
	file.new_mode in {"", "other"}
	why := "neither file, program nor link"
}

# METADATA
# title: A link out of the tree
# custom:
#   id: floor.link-leaves
#   level: deny
#   remedy: Let the link point to a path of this repository.
deny contains {"rule": "floor.link-leaves", "place": file.path, "why": why} if {
	some file in lib.kept
	file.link_leaves
	why := sprintf("it points to %s", [file.link])
}

# METADATA
# title: A link
# custom:
#   id: shape.link
#   level: ask
#   role: approver
#   remedy: Check where it points to, or use a file.
ask contains {"rule": "shape.link", "place": file.path, "why": why} if {
	some file in lib.kept
	file.new_mode == "120000"
	not file.link_leaves
	why := sprintf("it points to %s", [file.link])
}

# METADATA
# title: Settings of git that travel with the tree
# custom:
#   id: shape.git-settings
#   level: ask
#   role: policy-owner
#   remedy: Check which filters, merge drivers, submodules or names it brings.
ask contains {"rule": "shape.git-settings", "place": file.path, "why": why} if {
	some file in input.files
	file.kind == "git"
	why := "it changes what git shows, fetches or writes for everybody"
}

# METADATA
# title: Content that nobody can read
# custom:
#   id: shape.binary
#   level: ask
#   role: approver
#   remedy: Say where it comes from, or bring it as text.
ask contains {"rule": "shape.binary", "place": file.path, "why": why} if {
	some file in lib.kept
	file.binary
	file.status != "mode"
	why := sprintf("%d bytes that are no text", [file.size])
}

# METADATA
# title: A pointer to a large file
# custom:
#   id: shape.pointer
#   level: note
#   remedy: The content itself was not part of the proof.
note contains {"rule": "shape.pointer", "place": file.path, "why": why} if {
	some file in lib.kept
	file.pointer
	why := "the content lies elsewhere"
}

# METADATA
# title: May be run now, or no longer
# custom:
#   id: shape.executable
#   level: note
#   remedy: Check that it is meant.
note contains {"rule": "shape.executable", "place": file.path, "why": why} if {
	some file in input.files
	{file.old_mode, file.new_mode} == {"100644", "100755"}
	why := sprintf("the mode goes from %s to %s", [file.old_mode, file.new_mode])
}

# METADATA
# title: A script that may not start
# custom:
#   id: shape.crlf
#   level: note
#   remedy: End its lines with LF.
note contains {"rule": "shape.crlf", "place": file.path, "why": why} if {
	some file in lib.kept
	file.crlf
	why := "its first line ends with CR LF, so its interpreter is not found"
}
