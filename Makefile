# The commands of this repository; `make` lists them. `make test` is everything
# that CI runs. Nothing is skipped: a missing tool is an error that says how to
# get it.

GO       ?= go
FUZZTIME ?= 60s

GOVULNCHECK := 1.9.0

# Six runs are what benchstat asks for.
BENCHTIME  ?= 200ms
BENCHCOUNT ?= 6

VERSION   := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
BUILD     := CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-X main.version=$(VERSION)"
PLATFORMS := darwin/arm64 linux/arm64

# What talks to Redis, and of the subjects in relay/test those that a version of Redis can change: the others look at
# the relay.
REDIS_PACKAGES = ./relay/clients ./relay/embedded ./relay/fleet ./relay/history ./relay/order ./relay/redistest \
	./relay/upstream $(filter-out $(OWN),$(patsubst %,./%,$(wildcard relay/test/*)))
OWN := $(patsubst %,./relay/test/%,alerts clouds collector harness metrics observe process tail top traces traffic)

# What the race detector would see nothing of: tests that run the built program in processes of their own, and those
# in which one goroutine does everything.
PLAIN := $(addprefix ./relay/,account bench docs order storm) ./relay ./config $(addprefix ./relay/,asyncapi glob \
	history/writer hub meter monitor needs nonblock notice policy resp respserver/lua route sampling schema/... status \
	stream test/clouds top traffic upstream/frames watch)

# How many packages are tested at a time: their tests wait for most of the time, so more than two cores would ask for.
PACKAGES ?= $(shell cores=$$(getconf _NPROCESSORS_ONLN); echo $$((cores > 3 ? cores : 3)))

# In CI nothing may pass because it has passed before. vet is a step of its own.
GOTEST := $(GO) test $(if $(CI),-count=1) -timeout 20m -vet=off -p $(PACKAGES)

# What make test runs beside each other, so many at a time; the longest come first. Most of them wait for much of
# their time. CI has all the time that it needs, and other machines have two cores or more.
JOBS  ?= $(if $(CI),1,2)
STEPS := race browser versions-6.2 plain migration versions-8.2 cross libraries lint corpus vet configs deploy

.DEFAULT_GOAL := help
ifndef BESIDE
.NOTPARALLEL:
endif
.PHONY: help build test unit race plain versions chaos clients libraries migration corpus browser deploy check vet \
	lint cross configs demo fuzz vuln bench microbench release deps clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build ./redis-relay
	$(BUILD) -o redis-relay .

# What a step prints comes when it has ended, where make can (4.0).
test: deps ## install what is missing, then run everything
	@$(MAKE) --jobs=$(JOBS) $(if $(filter output-sync,$(.FEATURES)),--output-sync=target) BESIDE=1 $(STEPS)

unit: race plain ## run the Go tests, under the race detector where that sees something

race:
	$(GOTEST) -race $(filter-out $(shell $(GO) list $(PLAIN)),$(shell $(GO) list ./...))
	$(GOTEST) -race -run 'Concurrently|InParallel' ./relay/schema

plain:
	$(GOTEST) $(PLAIN)

versions: versions-6.2 versions-8.2 ## run what talks to Redis against Redis 6.2 and 8.2, too

# Without the race detector, which has seen this code in unit, and with fewer rounds of relay/order, which unit has
# played in full.
versions-%: export RELAY_ORDER_ROUNDS ?= 200
versions-%:
	.ci/deps redis versions
	@echo "test with $$(.cache/redis/$*/redis-server --version)"
	REDIS_SERVER="$(CURDIR)/.cache/redis/$*/redis-server" $(GOTEST) $(REDIS_PACKAGES)

chaos: ## keep the account through faults for long, and catch every planted bug (20 minutes)
	RELAY_LONG=1 $(GO) test -count=1 -timeout 40m -v -run 'TestAccount|TestMutantsAreCaught' ./relay/account
	RELAY_LONG=1 $(GO) test -count=1 -timeout 10m -v -run TestTokensThatExpireUnderLoad ./relay/test/access

clients: libraries migration corpus browser ## run the suites in the clients' own languages

# The libraries speak to the relay, so one Redis behind it is enough for them: the newest.
libraries: build
	.ci/deps redis versions
	PATH="$(CURDIR)/.cache/redis/8.2:$$PATH" RELAY_BIN="$(CURDIR)/redis-relay" relay/clients/run libraries

migration corpus browser: build
	RELAY_BIN="$(CURDIR)/redis-relay" relay/clients/run $@

# What is tested lies outside that module, so go would take a cached result for it.
deploy: ## check the image, the Kubernetes manifests and the systemd unit (Linux, as root)
	.ci/deps redis systemd
	cd relay/deploy && $(GO) vet ./... && $(GO) test -count=1 -timeout 5m ./...

check: vet lint cross configs ## vet, lint, cross-compile, check every config

vet: ## run go vet
	$(GO) vet ./...

lint: ## run the linters and check the formatting
	.ci/deps lint
	.cache/bin/golangci-lint run
	cd relay/deploy && ../../.cache/bin/golangci-lint run

cross: ## compile, tests included, for the other platforms
	@set -e; for platform in $(PLATFORMS); do \
		export CGO_ENABLED=0 GOOS=$${platform%/*} GOARCH=$${platform#*/}; \
		echo "compile for $$platform"; \
		$(GO) vet ./...; \
		$(BUILD) -o /dev/null .; \
	done

configs: build ## check relay.yaml and the configs of the examples
	@set -e; for config in relay.yaml $$(find examples -name relay.yaml -not -path '*/node_modules/*'); do \
		echo "check $$config"; \
		./redis-relay check --config "$$config" > /dev/null; \
	done

demo: build ## a chat on two servers behind two relays, on one page with incidents to cause
	.ci/deps node
	npm ci --silent --no-audit --no-fund --prefix examples/chat
	RELAY_BIN="$(CURDIR)/redis-relay" node examples/chat/demo.js

# Left alone, go spends a minute on making each input of a new kind smaller.
fuzz: vet ## run each fuzz target for FUZZTIME (60s)
	@set -e; for package in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
			echo "fuzz $$package $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 100x $$package; \
		done; \
	done

vuln: ## look for known vulnerabilities (needs the network)
	$(GO) run golang.org/x/vuln/cmd/govulncheck@v$(GOVULNCHECK) ./...

# With ARGS, such as ARGS="-only adversity", only what they say is measured; ARGS=-help lists them.
bench: ## measure against redis-server 8.2 and the one on the PATH, then run the Go benchmarks (25 minutes)
	$(if $(filter -h -help --help,$(ARGS)),,.ci/deps redis versions)
	$(GO) run ./relay/bench $(ARGS)
	$(if $(ARGS),,$(MAKE) microbench)

microbench: ## run the Go benchmarks, for benchstat
	@echo "commit: $(VERSION)"
	@echo "command: make microbench BENCHTIME=$(BENCHTIME) BENCHCOUNT=$(BENCHCOUNT)"
	@$(GO) test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) -count $(BENCHCOUNT) \
		./relay/resp ./relay/hub ./relay/upstream ./relay/schema ./relay/route ./relay/watch ./relay/traffic

release: ## make the files of VERSION in dist: binaries, packages, bills of materials, notes (Linux)
	.ci/release "$(if $(filter command line,$(origin VERSION)),$(VERSION))"

deps: ## install the tools that the tests need
	.ci/deps

clean: ## remove what was built and installed in here
	rm -rf redis-relay dist .cache relay/clients/*/node_modules examples/*/node_modules
