// Reads one Kubernetes object as JSON a line and writes, for each, the status that kstatus computes for it.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

type answer struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

func main() {
	if err := compute(json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)); err != nil {
		fmt.Fprintln(os.Stderr, "kstatus:", err)
		os.Exit(1)
	}
}

func compute(objects *json.Decoder, answers *json.Encoder) error {
	for number := 1; ; number++ {
		var raw json.RawMessage
		if err := objects.Decode(&raw); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("object %d: %w", number, err)
		}
		object := &unstructured.Unstructured{}
		// Numbers become int64 as they do in a client: kstatus compares generations by that type.
		if err := object.UnmarshalJSON(raw); err != nil {
			return fmt.Errorf("object %d: %w", number, err)
		}
		result, err := status.Compute(object)
		if err != nil {
			return fmt.Errorf("object %d: %w", number, err)
		}
		if err := answers.Encode(answer{Status: result.Status.String(), Message: result.Message}); err != nil {
			return err
		}
	}
}
