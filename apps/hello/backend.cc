// The back-end's half: says hello to the front-end and ends.
#include <string>

#include "apps/hello/hello.h"
#include "common/runtime.h"

void ebbrt::AppMain() {
  auto answer = hello::hello
                    ->Call<&hello::Hello::Greet>([](auto greeting) {
                      greeting.setText("hello from ring 0");
                    })
                    .Get();
  runtime::Exit(answer.Read().getText().size() > 0 ? 0 : 1);
}
