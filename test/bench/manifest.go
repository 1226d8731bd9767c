package bench

import (
	"fmt"
	"strings"
)

const password = "parley-demo"

func agent(n int) string { return fmt.Sprintf("agent-%d", n) }

// manifest is a house with one page, one queue and so many agents in it.
func manifest(agents, capacity int) string {
	var out strings.Builder
	var names []string
	for n := range agents {
		names = append(names, agent(n))
		fmt.Fprintf(&out, "apiVersion: parley.dev/v1\nkind: Agent\nmetadata: {name: %s, displayName: %s}\nspec: {capacity: %d, roles: [agent], password: {value: %s}}\n---\n",
			agent(n), agent(n), capacity, password)
	}
	fmt.Fprintf(&out, `apiVersion: parley.dev/v1
kind: Queue
metadata: {name: front, displayName: Front desk}
spec: {agents: [%s], assignment: least_active}
---
apiVersion: parley.dev/v1
kind: Workstream
metadata: {name: facebook, displayName: Facebook}
spec: {queue: front, units: 1, offerSeconds: 600}
---
apiVersion: parley.dev/v1
kind: ChannelAccount
metadata: {name: demo, displayName: Demo app}
spec: {appId: 424242424242424, appSecret: {value: %s}, verifyToken: {value: demo-verify-token}, graphVersion: v26.0}
---
apiVersion: parley.dev/v1
kind: Page
metadata: {name: shop, displayName: Shop}
spec: {pageId: %s, account: demo, workstream: facebook, accessToken: {value: demo-page-token-shop}}
`, strings.Join(names, ", "), secret, page)
	return out.String()
}
