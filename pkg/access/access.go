// Package access is what every service of the house may do at the broker and in
// Redis, in one list. From it are made the users of both, by parley access create,
// and the page of the documentation that says it.
package access

import (
	"slices"

	"github.com/parley-desk/parley/proto/subject"
)

// Names of the two streams that are in partitions, as a Service lists them. All
// others it lists by the names of proto/subject.
const (
	Inbound = "INBOUND"
	Threads = "THREAD"
)

// Service is what one service may do. Beside it every user may look at every
// stream, make those that are missing, which changes none that is there, and read
// the configuration.
type Service struct {
	Name   string
	Reads  []string // streams and buckets
	Writes []string // streams and buckets
	Erases []string // streams and buckets that it may take records out of
	Stages []string // it shares out: their leases, checkpoints and dead letters
	Leads  []string // roles that one process of all has
	Calls  []string // methods
	Serves []string // methods
	// Copies says that it may copy whole streams, for a backup, and see how every
	// stage goes on.
	Copies bool
	// Restores says that it may do whatever a restore needs: delete streams, and
	// put others in their place.
	Restores bool
	Redis    Redis
}

// Redis is what a service may do there; nothing without commands.
type Redis struct {
	Keys     []string // patterns; <group> stands for the setting distribution.group
	Commands []string
}

// Services are the users of the house: the services by themselves, and what runs
// all of them or puts a backup in their place.
func Services() []Service {
	apart := []Service{ingress(), classification(), distribution(), outbound(), attachment(), engagement(), desk(), admin()}
	all, restore := Service{Name: "all"}, Service{Name: "restore", Restores: true}
	for _, s := range apart {
		all = all.with(s)
		restore = restore.with(s)
	}
	restore.Redis, restore.Serves, restore.Copies = Redis{}, nil, false
	return append(apart, all, restore)
}

func ingress() Service {
	return Service{Name: "ingress",
		Reads:  []string{Threads, subject.ProvisionBucket, subject.PrivacyBucket},
		Writes: []string{Inbound, Threads, subject.ProvisionBucket, subject.PrivacyBucket}, // threads: answers on the page of a survey
	}
}

func classification() Service {
	return Service{Name: "classification",
		Reads:  []string{Inbound, Threads, subject.ContactBucket, subject.PrivacyBucket},
		Writes: []string{Threads},
		Stages: []string{"intake", "routing"}, Leads: []string{"routing-sweep"},
		Calls: []string{"distribution.place"},
	}
}

func distribution() Service {
	return Service{Name: "distribution",
		Reads:  []string{Threads, subject.PresenceBucket, subject.PauseBucket},
		Writes: []string{Threads, subject.PresenceBucket, subject.PauseBucket},
		Stages: []string{"distribution"}, Leads: []string{"distribution-relay"},
		Serves: []string{"distribution.>"},
		Redis: Redis{Keys: []string{"{<group>}:*"}, Commands: []string{"ping", "select", "eval", "evalsha", "script|load", "del", "exists", "expire", "get",
			"hdel", "hget", "hgetall", "hincrby", "hkeys", "hmget", "hset", "info", "mget", "mset", "sadd", "scan", "sismember", "smembers", "smismember", "srandmember", "srem",
			"time", "unlink", "xadd", "xdel", "xread", "zadd", "zcard", "zcount", "zmscore", "zrange", "zrangebyscore", "zrank", "zrem", "zscore"}},
	}
}

func outbound() Service {
	return Service{Name: "outbound",
		Reads:  []string{Threads, subject.Files, subject.MediaBucket, subject.PersonaBucket, subject.ProvisionBucket},
		Writes: []string{Threads, subject.MediaBucket, subject.PersonaBucket, subject.ProvisionBucket},
		Stages: []string{"outbound"}, Leads: []string{"outbound-orphans", "outbound-names"},
		Serves: []string{"outbound.>"},
		Redis:  Redis{Keys: []string{"{pace:*}:page"}, Commands: []string{"ping", "select", "eval", "evalsha", "script|load", "expire", "hget", "hmget", "hset", "time"}},
	}
}

func attachment() Service {
	personal := []string{Inbound, Threads, subject.Files, subject.Crm, subject.DeadLetters, subject.UploadBucket, subject.MediaBucket, subject.ContactBucket, subject.PrivacyBucket}
	return Service{Name: "attachment",
		Reads:  append([]string{subject.LeaseBucket, subject.CheckpointBucket}, personal...),
		Writes: []string{Inbound, Threads, subject.Files, subject.UploadBucket, subject.MediaBucket, subject.ContactBucket, subject.PrivacyBucket},
		Erases: personal,
		Stages: []string{"attachment"}, Leads: []string{"erasure", "attachment-age", "retention"},
		Calls: []string{"distribution.forget"}, Serves: []string{"erasure.count"},
	}
}

func engagement() Service {
	return Service{Name: "engagement",
		Reads:  []string{Threads, subject.ContactBucket, subject.Crm},
		Writes: []string{Threads, subject.Crm},
		Stages: []string{"engagement", "messages", "bots", "crm", "crm-hook"}, Leads: []string{"engagement-places"},
		Calls: []string{"distribution.position"},
	}
}

func desk() Service {
	return Service{Name: "desk",
		Reads:  []string{Threads, subject.Files, subject.Audit, subject.ContactBucket, subject.ProvisionBucket, subject.ReplyBucket, subject.SessionBucket, subject.UploadBucket},
		Writes: []string{Threads, subject.Files, subject.Audit, subject.ReplyBucket, subject.SessionBucket, subject.UploadBucket},
		Erases: []string{subject.Files},
		Calls: []string{"admin.enrol", "admin.errand", "distribution.answer", "distribution.heartbeat", "distribution.pause", "distribution.pick", "distribution.position",
			"distribution.presence", "distribution.queues", "distribution.resume", "distribution.roster", "distribution.shown", "outbound.act", "outbound.control"},
		Serves: []string{"desk.issuer"},
	}
}

func admin() Service {
	return Service{Name: "admin",
		Reads: []string{Inbound, Threads, subject.DeadLetters, subject.Files, subject.Crm, subject.Audit, subject.HistoryBucket, subject.CheckpointBucket, subject.LeaseBucket,
			subject.SessionBucket, subject.ClientBucket, subject.UploadBucket, subject.ProvisionBucket, subject.PrivacyBucket, subject.ContactBucket, subject.ReplyBucket},
		Writes: []string{Inbound, Threads, subject.Audit, subject.ConfigBucket, subject.HistoryBucket, subject.SessionBucket, subject.ClientBucket,
			subject.ProvisionBucket, subject.PrivacyBucket, subject.ContactBucket, subject.ReplyBucket},
		Erases: []string{subject.PrivacyBucket},
		Leads:  []string{"deletion-requests", "provisioning", "gap-repair"},
		Calls:  []string{"desk.issuer", "distribution.pause", "distribution.place", "distribution.why", "erasure.count", redrives},
		Serves: []string{"admin.enrol", "admin.errand"},
		Copies: true,
		Redis:  Redis{Commands: []string{"ping", "select"}},
	}
}

// with is what either may.
func (s Service) with(other Service) Service {
	s.Reads, s.Writes, s.Erases = union(s.Reads, other.Reads), union(s.Writes, other.Writes), union(s.Erases, other.Erases)
	s.Stages, s.Leads = union(s.Stages, other.Stages), union(s.Leads, other.Leads)
	s.Calls, s.Serves = union(s.Calls, other.Calls), union(s.Serves, other.Serves)
	s.Redis = Redis{Keys: union(s.Redis.Keys, other.Redis.Keys), Commands: union(s.Redis.Commands, other.Redis.Commands)}
	s.Copies = s.Copies || other.Copies
	return s
}

func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}
