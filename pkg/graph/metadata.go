package graph

import (
	"crypto/hmac"
	"encoding/hex"
	"strconv"
	"strings"
)

// Metadata is what a send carries so that its echo can be recognised: Meta
// returns message.metadata with the echo and shows it to nobody else.
type Metadata struct {
	Intent  string // intent id, UUIDv7
	Part    int    // from 0
	Attempt int    // from 1
}

// Signer makes a keyed code of data for one purpose; *secret.Box is one.
type Signer interface {
	MAC(purpose string, data []byte) []byte
}

const (
	metadataVersion = "p1"
	metadataPurpose = "graph.metadata"
	metadataMAC     = 8 // bytes of the code that travel
)

// SignMetadata writes m as "p1:<intent>:<part>:<attempt>:<mac>", at most 1000
// characters as Meta asks. The code is there because any app of the page can
// set metadata: without it a stranger's message could pass for ours.
func SignMetadata(signer Signer, m Metadata) string {
	body := m.body()
	return body + ":" + hex.EncodeToString(code(signer, body))
}

// ParseMetadata reads what SignMetadata wrote with the same keys; false for
// anything else.
func ParseMetadata(signer Signer, s string) (Metadata, bool) {
	fields := strings.Split(s, ":")
	if len(fields) != 5 || fields[0] != metadataVersion || fields[1] == "" {
		return Metadata{}, false
	}
	part, err := strconv.Atoi(fields[2])
	if err != nil || part < 0 {
		return Metadata{}, false
	}
	attempt, err := strconv.Atoi(fields[3])
	if err != nil || attempt < 1 {
		return Metadata{}, false
	}
	m := Metadata{Intent: fields[1], Part: part, Attempt: attempt}
	mac, err := hex.DecodeString(fields[4])
	if err != nil || len(mac) != metadataMAC || !hmac.Equal(mac, code(signer, m.body())) {
		return Metadata{}, false
	}
	return m, true
}

func (m Metadata) body() string {
	return metadataVersion + ":" + m.Intent + ":" + strconv.Itoa(m.Part) + ":" + strconv.Itoa(m.Attempt)
}

// code is the part of the MAC that travels.
func code(signer Signer, body string) []byte {
	mac := signer.MAC(metadataPurpose, []byte(body))
	return mac[:min(len(mac), metadataMAC)]
}
