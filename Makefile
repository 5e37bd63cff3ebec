# What a contributor needs. CONTRIBUTING.md says when.

.PHONY: build test race lint docs scripts ci bench vuln

build: ## the program, in this folder
	go build -trimpath -o telematicsctl .

test: ## everything that needs only Go, in under two minutes
	go test ./...

race: ## the same under the race detector
	go test -race -shuffle=on ./...

lint: ## formatting and the linters
	gofmt -l .
	golangci-lint run ./...

docs: ## write the command reference again
	go test ./cmd -run TestReferenceIsFresh -update

scripts: ## write the expected output of the scripts again; read the diff
	UPDATE_SCRIPTS=1 go test ./cmd -run TestScripts

ci: ## all that must hold before a change lands
	.ci/run

bench: ## the figures of docs/performance.md
	bench/run

vuln: ## known vulnerabilities of the dependencies; needs the vulnerability database
	go run golang.org/x/vuln/cmd/govulncheck@latest ./...
