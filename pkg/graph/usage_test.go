package graph_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/parley-desk/parley/pkg/graph"
)

func TestUsage(t *testing.T) {
	for _, c := range []struct {
		name         string
		header       [2]string
		want         graph.Usage
		wantRecorded string
	}{
		{name: "none"},
		{name: "of the app", header: [2]string{"X-App-Usage", `{"call_count":28,"total_time":95,"total_cputime":25}`}, want: graph.Usage{Percent: 95}},
		{name: "of the page", header: [2]string{"X-Page-Usage", `{"call_count":101}`}, want: graph.Usage{Percent: 101}},
		{name: "of another page beside ours", header: [2]string{"X-Business-Use-Case-Usage",
			`{"1":[{"type":"messenger","call_count":100,"estimated_time_to_regain_access":9}],"102030":[{"type":"messenger","call_count":3}]}`}, want: graph.Usage{Percent: 3}},
		{name: "of what is not the page", header: [2]string{"X-Business-Use-Case-Usage",
			`{"1":[{"type":"messenger","call_count":100,"estimated_time_to_regain_access":2}]}`}, want: graph.Usage{Percent: 100, Regain: 2 * time.Minute}},
		{name: "of advertisements", header: [2]string{"X-Business-Use-Case-Usage", `{"102030":[{"type":"ads_insights","call_count":100}]}`}},
		{name: "too much to be true", header: [2]string{"X-Business-Use-Case-Usage",
			`{"102030":[{"call_count":1e300,"estimated_time_to_regain_access":1e300}]}`}, want: graph.Usage{Percent: 1000, Regain: 24 * time.Hour}},
		{name: "less than nothing", header: [2]string{"X-App-Usage", `{"call_count":-5}`}},
		{name: "rubbish", header: [2]string{"X-App-Usage", `call_count=100`}},
		{name: "recorded", header: [2]string{"X-Business-Use-Case-Usage", ""}, wantRecorded: "hdr-x-business-use-case-usage", want: graph.Usage{Percent: 97, Regain: 19 * time.Minute}},
		{name: "recorded, of the app", header: [2]string{"X-App-Usage", ""}, wantRecorded: "hdr-x-app-usage", want: graph.Usage{Percent: 28}},
	} {
		t.Run(c.name, func(t *testing.T) {
			value := c.header[1]
			if c.wantRecorded != "" {
				value = string(recorded(t, c.wantRecorded))
			}
			h := http.Header{}
			if c.header[0] != "" {
				h.Set(c.header[0], value)
			}
			if got := graph.UsageOf(h, "102030"); got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}
