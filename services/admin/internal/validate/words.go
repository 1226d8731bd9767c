package validate

import (
	"regexp"

	"github.com/parley-desk/parley/pkg/directory"
)

var (
	idShape      = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)
	versionShape = regexp.MustCompile(`^v[1-9][0-9]\.[0-9]$`)
	// of a context variable (L116)
	variableShape = regexp.MustCompile(`^[A-Za-z0-9_]{1,100}$`)
	numberShape   = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?$`)
)

// Noun is a kind of directory as people say it.
func Noun(kind string, many bool) string {
	nouns := map[string][2]string{
		directory.ChannelAccounts: {"channel account", "channel accounts"},
		directory.Pages:           {"page", "pages"},
		directory.Workstreams:     {"workstream", "workstreams"},
		directory.Queues:          {"queue", "queues"},
		directory.Agents:          {"agent", "agents"},
		directory.Schedules:       {"schedule", "schedules"},
		directory.Skills:          {"skill", "skills"},
		directory.Profiles:        {"capacity profile", "capacity profiles"},
		directory.Rulesets:        {"ruleset", "rulesets"},
		directory.Statuses:        {"status", "statuses"},
		directory.Messages:        {"automated message", "automated messages"},
		directory.CannedReplies:   {"canned reply", "canned replies"},
		directory.Notifications:   {"template of notifications", "templates of notifications"},
	}[kind]
	if many {
		return nouns[1]
	}
	return nouns[0]
}
