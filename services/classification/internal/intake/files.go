package intake

import (
	"net/url"
	"path"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// Why a file is not fetched.
const (
	filesOff  = "OFF"
	typeOther = "TYPE_NOT_ALLOWED"
)

// screen takes the links off files that the page does not take (S47): what is
// not in the log nobody fetches, neither by mistake nor later. The name in the
// link decides only against a file; what it holds is asked when it is copied.
func screen(all []*threadv1.Attachment, policy directory.FilePolicy) []*threadv1.Attachment {
	screened := make([]*threadv1.Attachment, len(all))
	for i, a := range all {
		screened[i] = a
		if why := unwanted(a, policy); why != "" {
			screened[i] = proto.CloneOf(a)
			screened[i].Url, screened[i].Refused = "", why
		}
	}
	return screened
}

func unwanted(a *threadv1.Attachment, policy directory.FilePolicy) string {
	if !thread.HasFile(a) {
		return ""
	}
	if !policy.On {
		return filesOff
	}
	if named := extension(a.GetUrl()); named != "" && !policy.Takes(named) {
		return typeOther
	}
	return ""
}

// extension is how the name of the file in a link ends; empty when it does not
// say.
func extension(link string) string {
	u, err := url.Parse(link)
	if err != nil {
		return ""
	}
	return strings.ToLower(strings.TrimPrefix(path.Ext(path.Base(u.Path)), "."))
}
