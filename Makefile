# Every target is one line of help in `make help`. Nothing here needs more than
# Go, git and make; what tests need besides is installed by `make deps`.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
MODULES := $(shell go list -m -f '{{.Dir}}')
TESTED := github.com/parley-desk/parley/...
STAMP := github.com/parley-desk/parley/pkg/stamp
export VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
export COMMIT ?= $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
LDFLAGS := -X $(STAMP).version=$(VERSION) -X $(STAMP).commit=$(COMMIT)
export CGO_ENABLED ?= 0

# What brokers of tests have synced to disk outlives no test. Where there is memory for
# it, that is where their folders are, and nobody waits for the disk; builds stay there.
FOLDERS := $(shell df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 && $$4 > 4000000' | grep -q . && ! grep -qE ' /dev/shm [a-z]+ [^ ]*noexec' /proc/mounts && echo 'GOTMPDIR=$${TMPDIR:-/tmp} TMPDIR=/dev/shm')

.PHONY: help run build test fmt-check house unit races rest raceless scenarios standalone web-check release-check release vulnerable fuzz bench pictures tools generate web references lint tidy deps clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

run: build ## build and start everything in one process, with a sandbox of Meta
	bin/parley all --config deploy/sample/parley.yaml

build: ## build parley and parleyctl into bin/
	go build -trimpath -ldflags "$(LDFLAGS)" -o bin/parley ./services/all/cmd/parley
	go build -trimpath -ldflags "$(LDFLAGS)" -o bin/parleyctl ./cli/cmd/parleyctl

test: deps fmt-check ## everything CI runs
	@$(MAKE) --no-print-directory -j 2 races rest
	@echo "make test: passed"

fmt-check: ## check that gofmt and vet have nothing to say; go test needs no vet of its own then
	@out=$$(gofmt -l $(MODULES) tools | grep -v '/gen/' || true); [ -z "$$out" ] || { echo "gofmt would change:"; echo "$$out"; exit 1; }
	VET="$$(go tool -n vet)" $(ROOMY) go vet -vettool=$(CURDIR)/test/vet.sh work

house: ## check the rules of the house: directions, packages, documents, references
	go test -vet=off -count=1 ./test/house/...

# Tests that look for no races and would take minutes with the detector: of a
# test, of every minute of a year, of commands that are processes each, of one step
# after another against a model, and of customers by the thousand and sends by the
# hundred thousand.
ALONE := ^(TestModelSeesEveryPlantedFault|TestBookDoesWhatTheModelDoes|TestItIsKilledAnywhere|TestEveryAlterationIsFoundAndNamed|TestYearsAgreeWithTheNaiveReading|TestScripts|TestTheoryOf.*|TestWaitsAreThoseOfTheRecursion|Test.*ServedAsByHand|TestNothingIsLostInAStorm|TestAMonth|TestAHundredThousandSends|TestWhatSendingAgainByRuleWouldGive|TestTheRunSeesWhatIsPlanted|TestTheBookForetellsAsExpected|TestForetold.*)$$
# So does the page: its program runs in Chromium, which the detector does not see,
# and what serves it there is a desk of the tests. services/desk, which is the real
# one, has the detector. The driver of Chromium alone is 60 packages to build twice.
PAGE := ./services/desk/web/...
# Builds are much of the work, and a fifth of a build is collecting its garbage.
# Tests of units inherit it; the scenarios, which judge the product, do not.
ROOMY := GOGC=400

unit: ## test every package, with the race detector
	@$(MAKE) --no-print-directory -j 2 races raceless

# Building with the detector is half of all the work, and what is in rest waits
# much: they run side by side, and the builds give way to whoever waits for time.
# A process with the detector would sleep for a second before it ends.
races:
	$(FOLDERS) $(ROOMY) CGO_ENABLED=1 GORACE=atexit_sleep_ms=0 nice -n 5 go test -vet=off -race $(PLAIN) $(BLIND) $(BARE) -p 2 -parallel 4 -timeout 15m -skip '$(ALONE)' $$(go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' work | grep -v -e '/test/house' -e '/test/scenario' -e '/services/desk/web')

# What reckons on memory of its own and knows no goroutine of ours: hashing a
# password and interpreting Lua. The detector finds nothing there, and makes them
# ten times slower.
BLIND := -gcflags=golang.org/x/crypto/argon2=-race=false -gcflags=github.com/yuin/gopher-lua=-race=false

# Nobody debugs what make test builds. Stacks, also the detector's, need none of it, and
# a hundred binaries are linked with a fifth less work.
BARE := -ldflags='-s -w'

# Nor need the compiler write it, which is a seventh of its work. In this lane alone:
# vet and the other one share what they compile, and have one way to do it.
PLAIN := -gcflags=all=-dwarf=false

rest: house scenarios raceless web-check release-check standalone

raceless:
	-cd services/desk/web && npm ci --ignore-scripts --no-audit --no-fund # axe-core; without it the page's own checks look alone
	CGO_ENABLED=0 go test -vet=off $(BARE) -p 1 -timeout 20m $(PAGE)
	CGO_ENABLED=0 go test -vet=off $(BARE) -p 1 -run '$(ALONE)' ./services/distribution/... ./services/engagement/... ./services/attachment/internal/forgetting/ ./services/outbound/internal/sim/ ./pkg/audit/ ./pkg/schedule/ ./cli/

scenarios: ## run the whole house three times: in one process, as processes, and as the cluster of compose
	CGO_ENABLED=0 go test -vet=off $(BARE) -count=1 -timeout 20m ./test/scenario/...

standalone: ## build each module alone, as a container does; vet saw it in fmt-check
	@for m in $(MODULES); do (cd $$m && export GOWORK=off && go list -test -deps ./... >/dev/null && go build $$(go list -f '{{if ne .Name "main"}}{{.ImportPath}}{{end}}' ./...)) || { echo "$$m does not build alone"; exit 1; }; done

web-check: ## check that the committed page is what its sources give
	GOWORK=off go -C tools/web test ./...

release-check: ## check that releases are made to the same bytes, and that what is done to one is found
	GOWORK=off go -C tools/release test ./...

release: ## build into dist/ what is handed out: binaries, bills of materials, sums; KEY=private.pem signs them
	GOWORK=off go -C tools/release run . build -root $(CURDIR) -out $(CURDIR)/dist -version $(VERSION) $(if $(KEY),-key $(abspath $(KEY)))

pictures: deps ## take the pictures of the documents anew, from the house at work
	PARLEY_SHOTS=$(CURDIR)/docs/pictures CGO_ENABLED=0 go test -count=1 -run TestStoryInTheBrowser ./test/scenario/

fuzz: ## fuzz every parser for 30 seconds each
	@go run ./test/cmd/fuzz -time 30s

bench: deps ## measure the speed goals against baselines of the same run
	CGO_ENABLED=0 go run ./test/cmd/bench

tools: ## build buf and the generators into .bin/
	GOWORK=off go -C tools/buf build -o ../../.bin/ tool

generate: tools web ## regenerate contracts and the desk's page
	cd proto && ../.bin/buf generate && for of in grpc apart connect; do ../.bin/buf generate --template buf.gen.$$of.yaml; done

web: ## bundle the desk's page into services/desk/web/dist
	GOWORK=off go -C tools/web run .

references: ## write the pages of docs/ that come from the code anew
	go test -count=1 ./test/house/ -run TestReference -update

# What contracts must stay compatible with: the last release, or the commit before.
AGAINST ?= $(shell git describe --tags --abbrev=0 HEAD^ 2>/dev/null || git rev-parse HEAD^)

lint: tools ## lint contracts and code, and hold contracts against AGAINST
	cd proto && ../.bin/buf lint && ../.bin/buf breaking --against '../.git#ref=$(AGAINST),subdir=proto'
	GOWORK=off go -C tools/lint build -o ../../.bin/ tool
	for m in $(MODULES); do (cd $$m && $(CURDIR)/.bin/staticcheck ./...); done
	GOWORK=off GOBIN=$(CURDIR)/.bin go install github.com/securego/gosec/v2/cmd/gosec@v2.30.0 # its 100 modules are no business of ours
	for m in $(filter-out %/proto %/test,$(MODULES)); do (cd $$m && $(CURDIR)/.bin/gosec -quiet -severity medium -confidence medium -exclude-generated -exclude-dir '[a-z]*test' -exclude $(NOISE) ./...); done

# What gosec says of everything: that an int may not fit (G115, G602), that a file
# or address is named by a setting (G304, G703, G704), that a jitter could be guessed
# (G404), and of each cookie that its fields are not constants (G124). Anything else
# is answered where it is, by a #nosec with its reason.
NOISE := G115,G602,G304,G703,G704,G404,G124

vulnerable: ## look for known vulnerabilities that our code reaches; VULNDB=file:///... where vuln.go.dev cannot be had
	GOWORK=off go -C tools/lint build -o ../../.bin/ tool
	for m in $(MODULES); do (cd $$m && $(CURDIR)/.bin/govulncheck $(if $(VULNDB),-db $(VULNDB)) ./...); done

tidy: ## make every go.mod agree
	go work sync
	for m in $(MODULES); do (cd $$m && go mod tidy); done

deps: ## install what tests need: redis-server, the headless shell of chromium (Debian)
	@bash test/deps.sh

clean: ## remove what was built and the local data
	rm -rf bin .bin .data dist
