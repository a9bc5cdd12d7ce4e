// Reads one Kubernetes object as JSON a line and writes, for each, what Flux's controllers make of it: the status by
// their own kstatus, and, with -current (and -failed, -in-progress), by these expressions as healthCheckExprs.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/runtime/cel"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

type answer struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

type judge func(*unstructured.Unstructured) (*status.Result, error)

func main() {
	exprs := kustomize.HealthCheckExpressions{}
	flag.StringVar(&exprs.Current, "current", "", "healthCheckExprs' current")
	flag.StringVar(&exprs.Failed, "failed", "", "healthCheckExprs' failed")
	flag.StringVar(&exprs.InProgress, "in-progress", "", "healthCheckExprs' inProgress")
	flag.Parse()
	if err := run(exprs); err != nil {
		fmt.Fprintln(os.Stderr, "flux-health:", err)
		os.Exit(1)
	}
}

func run(exprs kustomize.HealthCheckExpressions) error {
	compute := judge(status.Compute)
	if exprs.Current != "" {
		evaluator, err := cel.NewStatusEvaluator(&exprs)
		if err != nil {
			return err
		}
		compute = func(object *unstructured.Unstructured) (*status.Result, error) {
			return evaluator.Evaluate(context.Background(), object)
		}
	}
	return answerAll(compute, json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout))
}

func answerAll(compute judge, objects *json.Decoder, answers *json.Encoder) error {
	for number := 1; ; number++ {
		var raw json.RawMessage
		if err := objects.Decode(&raw); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("object %d: %w", number, err)
		}
		object := &unstructured.Unstructured{}
		// Numbers become int64 as they do in a client: generations are compared by that type.
		if err := object.UnmarshalJSON(raw); err != nil {
			return fmt.Errorf("object %d: %w", number, err)
		}
		result, err := compute(object)
		if err != nil {
			return fmt.Errorf("object %d: %w", number, err)
		}
		if err := answers.Encode(answer{Status: result.Status.String(), Message: result.Message}); err != nil {
			return err
		}
	}
}
