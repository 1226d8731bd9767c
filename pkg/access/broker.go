package access

import (
	"slices"
	"strings"

	"github.com/parley-desk/parley/proto/subject"
)

// Rights are the subjects that a user of the broker may publish on and listen to.
type Rights struct{ Publish, Subscribe []string }

// buckets are all there are.
var buckets = []string{subject.ConfigBucket, subject.HistoryBucket, subject.CheckpointBucket, subject.LeaseBucket, subject.PresenceBucket, subject.PauseBucket,
	subject.SessionBucket, subject.ClientBucket, subject.MediaBucket, subject.PersonaBucket, subject.UploadBucket, subject.ProvisionBucket, subject.PrivacyBucket,
	subject.ContactBucket, subject.ReplyBucket}

const api = "$JS.API."

// streams are those of a stream or bucket of Service, as the broker knows them.
func streams(name string, partitions int) (all []string) {
	of := map[string]func(int) string{Inbound: subject.InboundStream, Threads: subject.ThreadStream}[name]
	switch {
	case of != nil:
		for p := range partitions {
			all = append(all, of(p))
		}
	case slices.Contains(buckets, name):
		all = []string{"KV_" + name}
	default:
		all = []string{name}
	}
	return all
}

// house are all streams of it.
func house(partitions int) (all []string) {
	for _, name := range slices.Concat([]string{Inbound, Threads, subject.DeadLetters, subject.Files, subject.Crm, subject.Audit}, buckets) {
		all = append(all, streams(name, partitions)...)
	}
	return all
}

// records are the subjects of a stream or bucket.
func records(name string) string {
	switch name {
	case Inbound:
		return "inbound.*"
	case Threads:
		return "thread.>"
	case subject.DeadLetters:
		return subject.DeadLetterAll
	case subject.Files:
		return subject.FilesAll
	case subject.Crm:
		return subject.CrmAll
	case subject.Audit:
		return subject.AuditRecord
	}
	return "$KV." + name + ".>"
}

// Rights are those of the service in a house of so many partitions.
func (s Service) Rights(partitions int) Rights {
	r := Rights{Subscribe: []string{subject.Inbox(s.Name) + ".>"}}
	for _, stream := range house(partitions) {
		r.publish(api+"STREAM.INFO."+stream, api+"STREAM.CREATE."+stream)
	}
	r.publish(api+"STREAM.INFO."+subject.Restoring, "$KV."+subject.ConfigBucket+".sys.>")
	reads := union(s.Reads, []string{subject.ConfigBucket})
	if len(s.Stages)+len(s.Leads) > 0 {
		reads = union(reads, []string{subject.LeaseBucket})
		r.publish("presence.*")
		r.Subscribe = append(r.Subscribe, "presence.*")
	}
	if len(s.Stages) > 0 {
		reads = union(reads, []string{subject.CheckpointBucket, subject.DeadLetters})
		r.publish("deadletter.~settled.*")
	}
	for _, stage := range s.Stages {
		r.publish("$KV."+subject.LeaseBucket+"."+stage+".>", "$KV."+subject.CheckpointBucket+"."+stage+".>", "deadletter."+stage+".*")
		r.Subscribe = append(r.Subscribe, subject.Call("redrive."+stage+".>"))
	}
	for _, role := range s.Leads {
		r.publish("$KV." + subject.LeaseBucket + ".lead." + role + ".>")
	}
	r.reading(reads, partitions)
	for _, name := range s.Writes {
		r.publish(records(name))
	}
	for _, name := range s.Erases {
		for _, stream := range streams(name, partitions) {
			r.publish(api+"STREAM.MSG.DELETE."+stream, api+"STREAM.PURGE."+stream)
		}
	}
	for _, method := range s.Calls {
		r.publish(subject.Call(method))
	}
	for _, method := range s.Serves {
		r.Subscribe = append(r.Subscribe, subject.Call(method))
	}
	for _, asks := range Services() {
		if asks.Name == s.Name || asks.asks(s) {
			r.publish(subject.Inbox(asks.Name) + ".>")
		}
	}
	r.special(s, partitions)
	slices.Sort(r.Publish)
	r.Publish = slices.Compact(r.Publish)
	slices.Sort(r.Subscribe)
	return r
}

// asks tells whether s calls what other serves. Answering is a right for good, and
// not once for each call: the broker that brought a call may be gone before its
// answer, and another one has not heard of it.
func (s Service) asks(other Service) bool {
	return slices.ContainsFunc(s.Calls, func(call string) bool {
		return call == redrives && len(other.Stages) > 0 || slices.ContainsFunc(other.Serves, func(served string) bool {
			rest, all := strings.CutSuffix(served, ">")
			return call == served || all && strings.HasPrefix(call, rest)
		})
	})
}

// redrives are the methods by which a stage is handed a dead letter again.
const redrives = "redrive.>"

// reading is what it takes to read streams: one record, and all of them in order.
func (r *Rights) reading(names []string, partitions int) {
	for _, name := range names {
		for _, stream := range streams(name, partitions) {
			r.publish(api+"DIRECT.GET."+stream, api+"DIRECT.GET."+stream+".>", api+"STREAM.MSG.GET."+stream,
				api+"CONSUMER.CREATE."+stream+".>", api+"CONSUMER.MSG.NEXT."+stream+".*", api+"CONSUMER.DELETE."+stream+".*")
		}
	}
}

// special is what backups need.
func (r *Rights) special(s Service, partitions int) {
	if s.Copies {
		r.publish(api+"INFO", "$KV."+subject.CheckpointBucket+".doctor", "$JS.SNAPSHOT.ACK.>", "deadletter.~settled.*")
		for _, stream := range house(partitions) {
			r.publish(api + "STREAM.SNAPSHOT." + stream)
		}
		r.reading([]string{subject.CheckpointBucket, subject.LeaseBucket}, partitions)
	}
	if s.Restores {
		// The number of partitions is that of the backup.
		r.publish(api+"STREAM.NAMES", api+"STREAM.CREATE.*", api+"STREAM.DELETE.*", api+"STREAM.RESTORE.*", "$JS.SNAPSHOT.RESTORE.>")
	}
}

func (r *Rights) publish(subjects ...string) { r.Publish = append(r.Publish, subjects...) }
