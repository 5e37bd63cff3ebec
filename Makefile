# What a contributor needs. CONTRIBUTING.md says when.

.PHONY: build test race lint docs scripts promises ci bench dependencies snapshot vuln

build: ## the program, in this folder
	go build -trimpath -o telematicsctl .

test: ## everything that needs only Go; about two minutes on two cores
	go test ./...

race: ## the same under the race detector
	go test -race -shuffle=on ./...

lint: ## formatting and the linters
	gofmt -l .
	golangci-lint run ./...

docs: ## write the command reference again
	go test ./cmd -run TestReferenceIsFresh -update

promises: ## write what scripts rely on again; read the diff, and name it in CHANGELOG.md
	go test ./cmd -run 'TestCommandsAndFlagsStay|TestExitStatusesStay|TestNoSecretIsPrintedOrWritten/a_service_that_is_well/json' -update

scripts: ## write the expected output of the scripts again; read the diff
	UPDATE_SCRIPTS=1 go test ./cmd -run TestScripts

ci: ## all that must hold before a change lands
	.ci/run

bench: ## the figures of docs/performance.md
	bench/run

dependencies: ## measure what each module costs, and collect the licenses
	bench/dependencies >dependencies.txt
	DEPENDENCIES_MEASURED=$(CURDIR)/dependencies.txt go test ./cmd -run 'TestNoModuleComesUnsaid|TestTheLicensesAreCollected' -update
	rm dependencies.txt

snapshot: ## all that a release holds, into dist/; needs goreleaser and cyclonedx-gomod
	goreleaser release --snapshot --clean --skip=docker,sign

vuln: ## known vulnerabilities of the dependencies, where the vulnerability database can be reached
	@if curl -fs -o /dev/null --max-time 10 $${GOVULNDB:-https://vuln.go.dev}/index/db.json; then \
	  go run golang.org/x/vuln/cmd/govulncheck@latest ./...; \
	else \
	  echo "not checked: the vulnerability database cannot be reached"; test -z "$$CI"; \
	fi
