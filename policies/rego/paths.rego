# METADATA
# title: Where a change may write
package pawl.rules.paths

import data.pawl.lib
import rego.v1

# METADATA
# title: Writes outside the tree
# custom:
#   id: floor.path-outside
#   level: deny
#   remedy: Name a path inside the repository, in its plain form.
deny contains {"rule": "floor.path-outside", "place": file.path, "why": why} if {
	some file in lib.kept
	some problem in file.problems
	problem in {"empty", "absolute", "parent", "drive", "backslash", "under-link"}
	why := sprintf("the path may lead out of the tree (%s)", [problem])
}

# METADATA
# title: Writes into a repository's own folder
# custom:
#   id: floor.path-git
#   level: deny
#   remedy: Leave .git, in all its spellings, alone.
deny contains {"rule": "floor.path-git", "place": file.path, "why": why} if {
	some file in lib.kept
	"git-folder" in file.problems
	why := "some file system takes this path for .git"
}

# METADATA
# title: A path that does not show what it is
# custom:
#   id: floor.path-hidden
#   level: deny
#   remedy: Use plain, visible characters and the canonical form of the path.
deny contains {"rule": "floor.path-hidden", "place": file.path, "why": why} if {
	some file in lib.kept
	some problem in file.problems
	problem in {"control", "invisible", "not-utf-8", "look-alike", "too-long", "not-canonical"}
	why := sprintf("what is reviewed may not be what is written (%s)", [problem])
}

# METADATA
# title: Two paths that are one on some disks
# custom:
#   id: floor.case-twin
#   level: deny
#   remedy: Use the spelling that the repository already has.
deny contains {"rule": "floor.case-twin", "place": file.path, "why": why} if {
	some file in lib.kept
	file.twin != ""
	why := sprintf("on a disk that ignores case this is %s", [file.twin])
}
