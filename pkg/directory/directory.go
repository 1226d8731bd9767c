// Package directory is what administrators have set, as every service sees it:
// a snapshot of accounts, pages, workstreams, queues and agents that follows
// CONFIG and is never half old.
package directory

import (
	"context"

	"github.com/parley-desk/parley/pkg/bus"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// Directory follows CONFIG.
type Directory struct{}

// New makes a directory over the bucket; nothing is read before Run.
func New(b *bus.Bus) *Directory { return &Directory{} }

// Run follows CONFIG until ctx ends.
func (d *Directory) Run(ctx context.Context) error { return nil }

// Wait blocks until the first snapshot is complete.
func (d *Directory) Wait(ctx context.Context) error { return nil }

// Now is the snapshot in force.
func (d *Directory) Now() *Snapshot { return nil }

// Changed is closed at the next change after it was asked for.
func (d *Directory) Changed() <-chan struct{} { return nil }

// Snapshot is all resources at one moment, by id. Do not change it.
type Snapshot struct {
	Revision    uint64
	Accounts    map[string]*configv1.ChannelAccount
	Pages       map[string]*configv1.Page
	PagesByMeta map[string]*configv1.Page // by Meta's page id
	Workstreams map[string]*configv1.Workstream
	Queues      map[string]*configv1.Queue
	Agents      map[string]*configv1.Agent
}
