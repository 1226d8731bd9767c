package bot

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"

	"github.com/parley-desk/parley/pkg/outside"
	"github.com/parley-desk/parley/pkg/webhook"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

const (
	maxBody = 256 << 10
	// again is the pause before a request that certainly was not answered is sent
	// once more.
	again = 200 * time.Millisecond
)

// Caller asks bots. It follows no redirect, takes no proxy and reads no more than
// an answer may have: a bot is what an administrator wrote down, and may be
// anybody's by now. One in the house is asked too, but none where clouds keep
// their keys.
type Caller struct {
	client   *http.Client
	loopback bool
	now      func() time.Time
}

// NewCaller makes one; loopback lets it ask bots on this machine, by http too.
func NewCaller(loopback bool, now func() time.Time) *Caller {
	return &Caller{loopback: loopback, now: now, client: webhook.HTTP(func(a netip.Addr) bool {
		return outside.House(a) || loopback && a.Unmap().IsLoopback()
	}, 5*time.Second)}
}

// Permits tells what is wrong with asking a bot at address; nil: nothing.
func (c *Caller) Permits(address string) *Trouble {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !c.loopback) {
		return trouble(threadv1.BotReason_BOT_REASON_REMOVED, "bot.url is not an address of https; engagement.bot_loopback lets http on this machine")
	}
	return nil
}

// Ask posts body to the bot at address and gives the answer. What certainly was
// not answered is tried once more; the bot knows both by id.
func (c *Caller) Ask(ctx context.Context, address, secret, id string, body []byte, limit time.Duration) ([]byte, *Trouble) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	answer, status, t := c.post(ctx, address, secret, id, body)
	if t == nil || t.Reason != threadv1.BotReason_BOT_REASON_UNREACHABLE && status < 500 && status != http.StatusTooManyRequests {
		return answer, t
	}
	pause := time.NewTimer(again)
	defer pause.Stop()
	select {
	case <-ctx.Done():
		return nil, t
	case <-pause.C:
	}
	answer, _, t = c.post(ctx, address, secret, id, body)
	return answer, t
}

func (c *Caller) post(ctx context.Context, address, secret, id string, body []byte) ([]byte, int, *Trouble) {
	req, err := webhook.Request(ctx, address, secret, id, c.now(), body)
	if err != nil {
		return nil, 0, trouble(threadv1.BotReason_BOT_REASON_REMOVED, "bot.url is not an address")
	}
	req.GetBody = nil // the client sends nothing again by itself
	req.Header.Set("Accept", "application/json")
	resp, err := c.client.Do(req)
	if err != nil {
		return nil, 0, failed(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNoContent:
		return nil, resp.StatusCode, nil
	default:
		return nil, resp.StatusCode, trouble(threadv1.BotReason_BOT_REASON_FAILED, "status %d", resp.StatusCode)
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	switch {
	case len(answer) > maxBody:
		return nil, 0, trouble(threadv1.BotReason_BOT_REASON_TOO_LARGE, "its answer has more than %d KiB", maxBody>>10)
	case err != nil:
		return nil, 0, failed(ctx, err)
	}
	return answer, resp.StatusCode, nil
}

// failed says why there is no answer. The error is not repeated: it has the
// address in it, which may have a secret of the bot's.
func failed(ctx context.Context, err error) *Trouble {
	var timeout interface{ Timeout() bool }
	switch {
	case ctx.Err() != nil:
		return trouble(threadv1.BotReason_BOT_REASON_LATE, "no answer in time")
	case errors.Is(err, outside.ErrRefused):
		return trouble(threadv1.BotReason_BOT_REASON_UNREACHABLE, "its address is on this machine, or one that no bot may have")
	case errors.Is(err, syscall.ECONNREFUSED):
		return trouble(threadv1.BotReason_BOT_REASON_UNREACHABLE, "it refuses the connection")
	case errors.As(err, &timeout) && timeout.Timeout():
		return trouble(threadv1.BotReason_BOT_REASON_UNREACHABLE, "no connection in time")
	}
	return trouble(threadv1.BotReason_BOT_REASON_UNREACHABLE, "the connection failed")
}
