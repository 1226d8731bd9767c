// Package wording is what automated messages say (L110, L111): the texts that
// Parley brings along, those that administrators write, and what they leave to
// be filled in.
//
// A message has up to four texts in a language. That of the page comes first,
// then its account's, the organisation's, and the one that Parley brings along:
//
//	Page.messages ──▶ ChannelAccount.messages ──▶ AutomatedMessage ──▶ Standard
//
// The language counts for more than the level: a customer of a Bulgarian page
// reads Bulgarian, though the page has a text of its own in English.
package wording
