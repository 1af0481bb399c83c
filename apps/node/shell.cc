// The program `v8`: runs scripts, and those alone. v8 [--OPTION...] [-e TEXT |
// FILE]...
//
// Options are V8's own. Scripts have print(VALUE...), read(FILE), load(FILE)
// and quit([CODE]), as V8's d8 has them.
#include <libplatform/libplatform.h>
#include <unistd.h>
#include <v8.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string>

#include "engine_flags.h"
namespace {

std::string ToText(v8::Isolate* isolate, v8::Local<v8::Value> value) {
  v8::String::Utf8Value text(isolate, value);
  return *text != nullptr ? std::string(*text, text.length())
                          : "<not to be shown>";
}

v8::Local<v8::String> ToString(v8::Isolate* isolate, const std::string& text) {
  return v8::String::NewFromUtf8(isolate, text.data(),
                                 v8::NewStringType::kNormal,
                                 static_cast<int>(text.size()))
      .ToLocalChecked();
}

std::optional<std::string> ReadFile(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "rb");
  if (file == nullptr) return std::nullopt;
  std::string text;
  char part[4096];
  while (size_t size = std::fread(part, 1, sizeof part, file)) {
    text.append(part, size);
  }
  std::fclose(file);
  return text;
}

void Throw(v8::Isolate* isolate, const std::string& what) {
  isolate->ThrowException(v8::Exception::Error(ToString(isolate, what)));
}

void Print(const v8::FunctionCallbackInfo<v8::Value>& call) {
  for (int i = 0; i < call.Length(); ++i) {
    std::string text = ToText(call.GetIsolate(), call[i]);
    if (i > 0) std::putchar(' ');
    std::fwrite(text.data(), 1, text.size(), stdout);
  }
  std::putchar('\n');
}

void Read(const v8::FunctionCallbackInfo<v8::Value>& call) {
  std::string path = ToText(call.GetIsolate(), call[0]);
  auto text = ReadFile(path);
  if (!text) return Throw(call.GetIsolate(), "can't read " + path);
  call.GetReturnValue().Set(ToString(call.GetIsolate(), *text));
}

/// What a script comes to; empty if it has thrown.
v8::MaybeLocal<v8::Value> Run(v8::Isolate* isolate, const std::string& name,
                              const std::string& text) {
  v8::Local<v8::Context> context = isolate->GetCurrentContext();
  v8::ScriptOrigin origin(isolate, ToString(isolate, name));
  v8::Local<v8::Script> script;
  if (!v8::Script::Compile(context, ToString(isolate, text), &origin)
           .ToLocal(&script)) {
    return {};
  }
  return script->Run(context);
}

void Load(const v8::FunctionCallbackInfo<v8::Value>& call) {
  for (int i = 0; i < call.Length(); ++i) {
    std::string path = ToText(call.GetIsolate(), call[i]);
    auto text = ReadFile(path);
    if (!text) return Throw(call.GetIsolate(), "can't read " + path);
    if (Run(call.GetIsolate(), path, *text).IsEmpty()) return;
  }
}

void Quit(const v8::FunctionCallbackInfo<v8::Value>& call) {
  int code =
      call[0]->Int32Value(call.GetIsolate()->GetCurrentContext()).FromMaybe(0);
  std::fflush(stdout);
  std::exit(code);
}

/// Runs the script, says what it throws; whether it has thrown nothing.
bool RunAndReport(v8::Isolate* isolate, v8::Platform* platform,
                  const std::string& name, const std::string& text) {
  v8::HandleScope scope(isolate);
  v8::TryCatch thrown(isolate);
  if (Run(isolate, name, text).IsEmpty()) {
    v8::Local<v8::Message> message = thrown.Message();
    int line =
        message.IsEmpty()
            ? 0
            : message->GetLineNumber(isolate->GetCurrentContext()).FromMaybe(0);
    std::fprintf(stderr, "%s:%d: %s\n", name.c_str(), line,
                 ToText(isolate, thrown.Exception()).c_str());
    return false;
  }
  while (v8::platform::PumpMessageLoop(platform, isolate)) continue;
  isolate->PerformMicrotaskCheckpoint();
  return true;
}

v8::Local<v8::Context> MakeContext(v8::Isolate* isolate) {
  auto global = v8::ObjectTemplate::New(isolate);
  const std::pair<const char*, v8::FunctionCallback> functions[] = {
      {"print", Print}, {"read", Read}, {"load", Load}, {"quit", Quit}};
  for (auto [name, function] : functions) {
    global->Set(isolate, name, v8::FunctionTemplate::New(isolate, function));
  }
  return v8::Context::New(isolate, nullptr, global);
}

/// Runs what the words name; the exit code.
int RunAll(v8::Isolate* isolate, v8::Platform* platform, int argc,
           char** argv) {
  v8::HandleScope scope(isolate);
  v8::Local<v8::Context> context = MakeContext(isolate);
  v8::Context::Scope entered(context);
  for (int i = 1; i < argc; ++i) {
    std::string name = argv[i];
    std::optional<std::string> text;
    if (name == "-e" && i + 1 < argc) {
      text = argv[++i];
    } else {
      text = ReadFile(name);
    }
    if (!text) {
      std::fprintf(stderr, "v8: can't read %s\n", name.c_str());
      return 2;
    }
    if (!RunAndReport(isolate, platform, name, *text)) return 1;
  }
  return 0;
}

}  // namespace

int ProgramMain(int argc, char** argv) {
  SetEngineFlags();
  v8::V8::SetFlagsFromCommandLine(&argc, argv, true);
  auto platform = v8::platform::NewSingleThreadedDefaultPlatform();
  v8::V8::InitializePlatform(platform.get());
  v8::V8::Initialize();
  v8::Isolate::CreateParams parameters;
  // As node: of this machine's memory, not of those that browsers run on.
  parameters.constraints.ConfigureDefaults(
      static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) *
          static_cast<uint64_t>(sysconf(_SC_PAGESIZE)),
      0);
  std::unique_ptr<v8::ArrayBuffer::Allocator> allocator(
      v8::ArrayBuffer::Allocator::NewDefaultAllocator());
  parameters.array_buffer_allocator = allocator.get();
  v8::Isolate* isolate = v8::Isolate::New(parameters);
  int code;
  {
    v8::Isolate::Scope entered(isolate);
    code = RunAll(isolate, platform.get(), argc, argv);
  }
  isolate->Dispose();
  v8::V8::Dispose();
  v8::V8::DisposePlatform();
  std::fflush(stdout);
  return code;
}
