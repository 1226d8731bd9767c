package validate

import (
	"net/netip"
	"net/url"

	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// Limits of a bot.
const (
	maxBotURL     = 2000
	minBotSecret  = 16
	maxBotSeconds = 30
)

// bot checks the bot that gets the conversations of w first (L118). Whether http
// on this machine is let, a setting of engagement says.
func (p *problems) bot(w *configv1.Workstream) {
	p.key("bot_secret", w.GetBotSecret(), minBotSecret, maxSecret)
	b := w.GetBot()
	if b == nil {
		return
	}
	if w.GetMode() == pick {
		p.add("bot", "does not go with WORK_MODE_PICK, where agents choose; leave it out, or make a workstream of WORK_MODE_PUSH")
	}
	if b.GetLimitSeconds() != 0 {
		p.within("bot.limit_seconds", b.GetLimitSeconds(), 1, maxBotSeconds)
	}
	u, err := url.Parse(b.GetUrl())
	switch {
	case b.GetUrl() == "":
		p.add("bot.url", "is missing; give the address where the bot is asked, such as https://bot.example.com/parley")
	case err != nil || u.Host == "" || u.Hostname() == "" || len(b.GetUrl()) > maxBotURL:
		p.add("bot.url", "%q is not an address; write it like https://bot.example.com/parley", clip(b.GetUrl()))
	case u.User != nil:
		p.add("bot.url", "has a name or a password in it, which would be shown; leave it out: the bot knows Parley by bot_secret")
	case u.Fragment != "":
		p.add("bot.url", "has a fragment, which is never sent; leave out what follows '#'")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		p.add("bot.url", "%q would carry what customers write in the clear; use https", clip(b.GetUrl()))
	case u.Scheme != "http" && u.Scheme != "https":
		p.add("bot.url", "%q is not an address of https; write it like https://bot.example.com/parley", clip(b.GetUrl()))
	}
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
